#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {
namespace {

constexpr absl::Duration kShortest = absl::Seconds(1);
constexpr absl::Duration kLongest = absl::Hours(1);

// RFC 9110 section 5.6.7: IMF-fixdate, then the two that servers wrote before it.
constexpr std::array<const char*, 3> kDateFormats = {
    "%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y"};

bool IsDigits(std::string_view text) {
  return !text.empty() && std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
}

absl::Duration Clamp(absl::Duration delay) { return std::clamp(delay, kShortest, kLongest); }

}  // namespace

std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now) {
  std::string text(value);
  absl::StripAsciiWhitespace(&text);
  if (IsDigits(text)) {
    // Ten digits are beyond the clamp already, whatever follows them.
    return Clamp(text.size() < 10 ? absl::Seconds(std::stol(text)) : kLongest);
  }
  for (const char* format : kDateFormats) {
    absl::Time time;
    // Abseil reads "infinite-future" as a time too.
    if (absl::ParseTime(format, text, &time, nullptr) && time < absl::InfiniteFuture() &&
        time > absl::InfinitePast()) {
      return Clamp(time - now);
    }
  }
  return std::nullopt;
}

}  // namespace tokenbroker::oauth
