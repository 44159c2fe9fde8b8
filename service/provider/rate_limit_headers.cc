#include "provider/rate_limit_headers.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/numbers.h"

namespace tokenbroker::provider {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

constexpr std::array<std::string_view, 3> kPrefixes = {"x-ratelimit-", "x-rate-limit-",
                                                       "ratelimit-"};
constexpr absl::Duration kLongest = absl::Hours(1);

// Digits alone: a sign, a fraction or a list is not what is meant here.
std::optional<std::int64_t> ReadNumber(std::string_view text) {
  const bool digits = !text.empty() && text.size() <= 15 &&
                      std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  std::int64_t number = 0;
  if (!digits || !absl::SimpleAtoi(absl::string_view(text.data(), text.size()), &number)) {
    return std::nullopt;
  }
  return number;
}

std::optional<std::int64_t> Find(const Headers& headers, std::string_view prefix,
                                 std::string_view name) {
  for (const auto& [header, value] : headers) {
    const std::string_view text = header;
    if (text.starts_with(prefix) && text.substr(prefix.size()) == name) return ReadNumber(value);
  }
  return std::nullopt;
}

std::optional<absl::Time> ReadReset(std::int64_t number, absl::Time now) {
  for (const absl::Time reset :
       {absl::FromUnixSeconds(number), absl::FromUnixMillis(number), now + absl::Seconds(number)}) {
    if (reset > now && reset <= now + kLongest) return reset;
  }
  return std::nullopt;
}

}  // namespace

std::optional<AdvertisedLimit> ReadAdvertisedLimit(const Headers& headers, absl::Time now) {
  for (const std::string_view prefix : kPrefixes) {
    const auto remaining = Find(headers, prefix, "remaining");
    const auto reset = Find(headers, prefix, "reset");
    if (!remaining || !reset) continue;
    const auto reset_at = ReadReset(*reset, now);
    if (!reset_at) continue;
    return AdvertisedLimit{
        .limit = Find(headers, prefix, "limit"), .remaining = *remaining, .reset = *reset_at};
  }
  return std::nullopt;
}

}  // namespace tokenbroker::provider
