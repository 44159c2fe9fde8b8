#include "telemetry/log_line.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace tokenbroker::telemetry {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

std::string_view LevelName(Level level) {
  switch (level) {
    case Level::kDebug:
      return "debug";
    case Level::kInfo:
      return "info";
    case Level::kWarning:
      return "warn";
    case Level::kError:
      return "error";
  }
  return "error";
}

// Formatting a whole time is dear, and most lines share their second with the one before.
void AppendTime(std::string& out, absl::Time time) {
  struct Second {
    std::int64_t unix_seconds = -1;
    std::string text;
  };
  thread_local Second last;
  const std::int64_t seconds = absl::ToUnixSeconds(time);
  if (seconds != last.unix_seconds) {
    last.unix_seconds = seconds;
    last.text = absl::FormatTime("%Y-%m-%dT%H:%M:%S", time, absl::UTCTimeZone());
  }
  out += last.text;
  std::array<char, 8> fraction = {'.', '0', '0', '0', '0', '0', '0', 'Z'};
  std::int64_t microseconds =
      absl::ToInt64Microseconds(time - absl::FromUnixSeconds(seconds)) % 1'000'000;
  for (std::size_t i = 6; i > 0; --i, microseconds /= 10) {
    fraction[i] = static_cast<char>('0' + microseconds % 10);
  }
  out.append(fraction.data(), fraction.size());
}

void AppendInteger(std::string& out, std::int64_t value) {
  std::array<char, 24> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value).ptr;
  out.append(digits.data(), end);
}

bool IsPlain(char c) { return c >= 0x20 && c < 0x7f && c != '"' && c != '\\'; }

// Bytes beyond ASCII become \u00XX, one for each byte: readable enough for names, and valid JSON
// whatever the bytes are.
void AppendEscaped(std::string& out, std::string_view text) {
  while (true) {
    // Nearly always all of it.
    const auto plain = static_cast<std::size_t>(
        std::find_if_not(text.begin(), text.end(), IsPlain) - text.begin());
    out.append(text.substr(0, plain));
    if (plain == text.size()) return;
    const char c = text[plain];
    text.remove_prefix(plain + 1);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\u00";
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
}

void AppendJsonField(std::string& out, const Field& field) {
  out += ",\"";
  out += field.name;
  out += "\":";
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    AppendInteger(out, *number);
    return;
  }
  out += '"';
  AppendEscaped(out, std::get<std::string_view>(field.value));
  out += '"';
}

void AppendTextField(std::string& out, const Field& field) {
  out += ' ';
  out += field.name;
  out += '=';
  if (const auto* number = std::get_if<std::int64_t>(&field.value)) {
    AppendInteger(out, *number);
    return;
  }
  const auto text = std::get<std::string_view>(field.value);
  const bool quoted = text.empty() || text.find(' ') != text.npos;
  if (quoted) out += '"';
  AppendEscaped(out, text);
  if (quoted) out += '"';
}

}  // namespace

void AppendLine(std::string& out, Format format, absl::Time time, Level level,
                std::string_view event, std::span<const Field> fields) {
  if (format == Format::kJson) {
    out += "{\"time\":\"";
    AppendTime(out, time);
    out += "\",\"level\":\"";
    out += LevelName(level);
    out += "\",\"event\":\"";
    AppendEscaped(out, event);
    out += '"';
    for (const Field& field : fields) AppendJsonField(out, field);
    out += "}\n";
    return;
  }
  AppendTime(out, time);
  out += ' ';
  out += LevelName(level);
  out += ' ';
  AppendEscaped(out, event);
  for (const Field& field : fields) AppendTextField(out, field);
  out += '\n';
}

}  // namespace tokenbroker::telemetry
