#include "provider/cache_lifetime.h"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include "absl/strings/ascii.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"

namespace tokenbroker::provider {
namespace {

// RFC 9111 section 1.2.2: digits, and as much as can be held where they are too many.
std::optional<absl::Duration> ParseDeltaSeconds(absl::string_view text) {
  text = absl::StripAsciiWhitespace(text);
  if (absl::ConsumePrefix(&text, "\"")) absl::ConsumeSuffix(&text, "\"");
  if (text.empty()) return std::nullopt;
  constexpr std::int64_t kMost = std::numeric_limits<std::int32_t>::max();
  std::int64_t seconds = 0;
  for (const char digit : text) {
    if (digit < '0' || digit > '9') return std::nullopt;
    seconds = std::min(seconds * 10 + (digit - '0'), kMost);
  }
  return absl::Seconds(seconds);
}

// How fresh the directives of one field value let a response be; nothing where they do not say.
std::optional<absl::Duration> FreshFor(absl::string_view cache_control) {
  std::optional<absl::Duration> fresh_for;
  const auto at_most = [&](absl::Duration limit) {
    fresh_for = std::min(limit, fresh_for.value_or(limit));
  };
  for (const absl::string_view directive : absl::StrSplit(cache_control, ',')) {
    const std::pair<absl::string_view, absl::string_view> parts =
        absl::StrSplit(directive, absl::MaxSplits('=', 1));
    const std::string name = absl::AsciiStrToLower(absl::StripAsciiWhitespace(parts.first));
    if (name == "no-store" || name == "no-cache") at_most(absl::ZeroDuration());
    if (name == "max-age") {
      // Freshness that cannot be read is none (RFC 9111 section 4.2.1).
      at_most(ParseDeltaSeconds(parts.second).value_or(absl::ZeroDuration()));
    }
  }
  return fresh_for;
}

}  // namespace

absl::Duration CacheLifetime(const std::vector<std::pair<std::string, std::string>>& headers,
                             const LifetimeBounds& bounds) {
  std::optional<absl::Duration> fresh_for;
  absl::Duration age = absl::ZeroDuration();
  for (const auto& [name, value] : headers) {
    if (name == "cache-control") {
      if (const auto says = FreshFor(value)) {
        fresh_for = std::min(*says, fresh_for.value_or(*says));
      }
    } else if (name == "age") {
      age = ParseDeltaSeconds(value).value_or(absl::ZeroDuration());
    }
  }
  if (!fresh_for) return bounds.usual;
  return std::clamp(*fresh_for - age, bounds.shortest, bounds.longest);
}

}  // namespace tokenbroker::provider
