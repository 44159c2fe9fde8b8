// The scalar values of the configuration file and how they are written.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "absl/time/time.h"

namespace tokenbroker::config {

// "90s", "500ms", "10m", "1h30m", "30d": whole numbers, each with one of d h m s ms, the units
// falling. At most 36500 days. Nothing for everything else, a bare number included.
std::optional<absl::Duration> ParseDuration(std::string_view text);

// A whole number of bytes, alone or followed by KiB, MiB or GiB.
std::optional<std::uint64_t> ParseSize(std::string_view text);

// What YAML's core schema makes of a plain scalar: "a number", "true or false" or "no value".
// Nothing for what is text.
std::optional<std::string_view> MeaningOtherThanText(std::string_view plain);

// `word` of `known` that `written` is probably meant to be; nothing if none is near.
template <typename Words>
std::optional<std::string> NearestWord(std::string_view written, const Words& known);

// How many single letters have to be added, dropped, changed or swapped with their neighbour.
std::size_t EditDistance(std::string_view a, std::string_view b);

template <typename Words>
std::optional<std::string> NearestWord(std::string_view written, const Words& known) {
  if (written.size() > 64) return std::nullopt;
  std::optional<std::string> nearest;
  std::size_t best = 0;
  for (const std::string_view word : known) {
    const std::size_t distance = EditDistance(written, word);
    const std::size_t allowed = 1 + word.size() / 4;
    if (distance <= allowed && (!nearest || distance < best)) {
      nearest = std::string(word);
      best = distance;
    }
  }
  return nearest;
}

}  // namespace tokenbroker::config
