#include "config/scalars.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

namespace tokenbroker::config {
namespace {

// The digits that `text` begins with, as a number; they are taken off it.
std::optional<std::uint64_t> TakeNumber(std::string_view& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc()) return std::nullopt;
  text.remove_prefix(static_cast<std::size_t>(end - text.data()));
  return number;
}

bool AllDigits(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

bool IsNumber(std::string_view text) {
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (text == ".inf" || text == ".Inf" || text == ".INF" || text == ".nan" || text == ".NaN" ||
      text == ".NAN") {
    return true;
  }
  if (text.starts_with("0x") || text.starts_with("0o")) {
    const auto digits = text.starts_with("0x") ? "0123456789abcdefABCDEF" : "01234567";
    return text.size() > 2 && text.find_first_not_of(digits, 2) == std::string_view::npos;
  }
  if (const auto exponent = text.find_first_of("eE"); exponent != std::string_view::npos) {
    std::string_view power = text.substr(exponent + 1);
    if (!power.empty() && (power.front() == '-' || power.front() == '+')) power.remove_prefix(1);
    if (!AllDigits(power)) return false;
    text = text.substr(0, exponent);
  }
  const auto point = text.find('.');
  if (point == std::string_view::npos) return AllDigits(text);
  const auto whole = text.substr(0, point);
  const auto fraction = text.substr(point + 1);
  return (AllDigits(whole) && (fraction.empty() || AllDigits(fraction))) ||
         (whole.empty() && AllDigits(fraction));
}

}  // namespace

std::optional<absl::Duration> ParseDuration(std::string_view text) {
  static constexpr std::array<std::pair<std::string_view, std::int64_t>, 5> kUnits = {{
      {"d", 86'400'000},
      {"h", 3'600'000},
      {"m", 60'000},
      {"s", 1'000},
      {"ms", 1},
  }};
  constexpr std::uint64_t kMaxMilliseconds = 36'500ull * 86'400'000;

  if (text.empty()) return std::nullopt;
  std::uint64_t total = 0;
  std::size_t next_unit = 0;
  while (!text.empty()) {
    const auto number = TakeNumber(text);
    if (!number) return std::nullopt;
    const auto unit = text.substr(0, text.find_first_of("0123456789"));
    const auto found = std::find_if(kUnits.begin() + static_cast<std::ptrdiff_t>(next_unit),
                                    kUnits.end(), [&](const auto& u) { return u.first == unit; });
    if (found == kUnits.end()) return std::nullopt;
    if (*number > kMaxMilliseconds / static_cast<std::uint64_t>(found->second)) return std::nullopt;
    total += *number * static_cast<std::uint64_t>(found->second);
    if (total > kMaxMilliseconds) return std::nullopt;
    next_unit = static_cast<std::size_t>(found - kUnits.begin()) + 1;
    text.remove_prefix(unit.size());
  }
  return absl::Milliseconds(static_cast<std::int64_t>(total));
}

std::optional<std::uint64_t> ParseSize(std::string_view text) {
  const auto number = TakeNumber(text);
  if (!number) return std::nullopt;
  int shift = 0;
  if (text == "KiB") {
    shift = 10;
  } else if (text == "MiB") {
    shift = 20;
  } else if (text == "GiB") {
    shift = 30;
  } else if (!text.empty()) {
    return std::nullopt;
  }
  if (*number > (UINT64_MAX >> shift)) return std::nullopt;
  return *number << shift;
}

std::optional<std::string_view> MeaningOtherThanText(std::string_view plain) {
  if (plain.empty() || plain == "~" || plain == "null" || plain == "Null" || plain == "NULL") {
    return "no value";
  }
  for (const std::string_view word : {"true", "True", "TRUE", "false", "False", "FALSE"}) {
    if (plain == word) return "true or false";
  }
  if (IsNumber(plain)) return "a number";
  return std::nullopt;
}

std::size_t EditDistance(std::string_view a, std::string_view b) {
  std::vector<std::vector<std::size_t>> distance(a.size() + 1,
                                                 std::vector<std::size_t>(b.size() + 1));
  for (std::size_t i = 0; i <= a.size(); ++i) {
    for (std::size_t j = 0; j <= b.size(); ++j) {
      if (i == 0 || j == 0) {
        distance[i][j] = i + j;
        continue;
      }
      distance[i][j] = std::min({distance[i - 1][j] + 1, distance[i][j - 1] + 1,
                                 distance[i - 1][j - 1] + (a[i - 1] == b[j - 1] ? 0 : 1)});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) {
        distance[i][j] = std::min(distance[i][j], distance[i - 2][j - 2] + 1);
      }
    }
  }
  return distance[a.size()][b.size()];
}

}  // namespace tokenbroker::config
