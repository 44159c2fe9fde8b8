// How one line of the log looks, as JSON for machines or as text for people.
//
//   {"time":"2026-01-01T00:00:00.123456Z","level":"info","event":"listening","address":"[::1]:7070"}
//   2026-01-01T00:00:00.123456Z info listening address=[::1]:7070
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "absl/time/time.h"

namespace tokenbroker::telemetry {

enum class Level { kDebug, kInfo, kWarning, kError };

enum class Format { kJson, kText };

// One fact of a line. Never a token, code, secret, key or cookie, nor any part of one.
struct Field {
  std::string_view name;  // lower_snake_case
  std::variant<std::string_view, std::int64_t> value;
};

// Appends one line with its newline to `out`. Control characters, quotes and what is no UTF-8 are
// escaped in both formats, so that nobody can write a line of their own.
void AppendLine(std::string& out, Format format, absl::Time time, Level level,
                std::string_view event, std::span<const Field> fields);

}  // namespace tokenbroker::telemetry
