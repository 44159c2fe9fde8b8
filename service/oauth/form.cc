#include "oauth/form.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::oauth {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool StaysAsItIs(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
}

std::size_t EncodedSize(std::string_view text) {
  std::size_t size = 0;
  for (const char c : text) size += StaysAsItIs(c) || c == ' ' ? 1 : 3;
  return size;
}

void AppendEncoded(std::string_view text, std::string& out) {
  for (const char c : text) {
    if (StaysAsItIs(c)) {
      out += c;
    } else if (c == ' ') {
      out += '+';
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += '%';
      out += kHexDigits[byte >> 4];
      out += kHexDigits[byte & 15];
    }
  }
}

int HexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = absl::ascii_tolower(static_cast<unsigned char>(c));
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

// The table of well-formed sequences (Unicode 15, table 3-7): no overlong form, no surrogate.
bool IsUtf8(std::string_view text) {
  std::size_t i = 0;
  while (i < text.size()) {
    const auto lead = static_cast<unsigned char>(text[i++]);
    if (lead < 0x80) continue;
    std::size_t more = 0;
    unsigned char low = 0x80;
    unsigned char high = 0xBF;
    if (lead >= 0xC2 && lead <= 0xDF) {
      more = 1;
    } else if (lead >= 0xE0 && lead <= 0xEF) {
      more = 2;
      if (lead == 0xE0) low = 0xA0;
      if (lead == 0xED) high = 0x9F;
    } else if (lead >= 0xF0 && lead <= 0xF4) {
      more = 3;
      if (lead == 0xF0) low = 0x90;
      if (lead == 0xF4) high = 0x8F;
    } else {
      return false;
    }
    if (text.size() - i < more) return false;
    for (; more > 0; --more, ++i) {
      const auto next = static_cast<unsigned char>(text[i]);
      if (next < low || next > high) return false;
      low = 0x80;
      high = 0xBF;
    }
  }
  return true;
}

bool IsRefusedControl(char c) {
  return absl::ascii_iscntrl(static_cast<unsigned char>(c)) && c != '\t' && c != '\r' && c != '\n';
}

absl::Status Malformed(std::string_view message) {
  return ErrorWithMessage(Reason::kCallbackMalformed, message);
}

absl::StatusOr<Secret> Decode(std::string_view text) {
  std::string decoded;
  // Enough for all of it: growing would leave copies behind.
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] == '%') {
      const int high = text.size() - i > 2 ? HexValue(text[i + 1]) : -1;
      const int low = text.size() - i > 2 ? HexValue(text[i + 2]) : -1;
      if (high < 0 || low < 0) return Malformed("The callback has a broken percent-encoding.");
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    } else {
      decoded += text[i];
    }
  }
  Secret result = Secret::Take(std::move(decoded));
  if (!IsUtf8(result.Reveal())) return Malformed("The callback is not UTF-8.");
  if (std::ranges::any_of(result.Reveal(), IsRefusedControl)) {
    return Malformed("The callback has a control character.");
  }
  return result;
}

}  // namespace

Secret FormEncode(std::string_view text) {
  std::string encoded;
  encoded.reserve(EncodedSize(text));
  AppendEncoded(text, encoded);
  return Secret::Take(std::move(encoded));
}

void FormWriter::Add(std::string_view name, std::string_view value) {
  const std::size_t size = text_.size() + EncodedSize(name) + EncodedSize(value) + 2;
  if (size > text_.capacity()) {
    // By hand, because a string that grows frees its old buffer with the secrets in it.
    std::string larger;
    larger.reserve(std::max({size, 2 * text_.capacity(), std::size_t{512}}));
    larger += text_;
    WipeString(text_);
    text_ = std::move(larger);
  }
  if (!text_.empty()) text_ += '&';
  AppendEncoded(name, text_);
  text_ += '=';
  AppendEncoded(value, text_);
}

absl::StatusOr<std::vector<FormField>> ParseForm(std::string_view text, const FormLimits& limits) {
  if (text.size() > limits.max_bytes) return Error(Reason::kCallbackTooLarge);
  if (!std::ranges::all_of(text, [](char c) { return c > ' ' && c < '\x7F'; })) {
    return Malformed("The callback has a character that is not encoded.");
  }
  if (static_cast<std::size_t>(std::ranges::count(text, '&')) >= limits.max_fields) {
    return Error(Reason::kCallbackTooLarge);
  }
  std::vector<FormField> fields;
  while (!text.empty()) {
    const std::string_view field = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(field.size() + 1, text.size()));
    if (field.empty()) continue;
    const std::string_view name = field.substr(0, field.find('='));
    ASSIGN_OR_RETURN(const Secret decoded_name, Decode(name));
    ASSIGN_OR_RETURN(Secret value,
                     Decode(name.size() == field.size() ? "" : field.substr(name.size() + 1)));
    fields.push_back({std::string(decoded_name.Reveal()), std::move(value)});
  }
  return fields;
}

bool HasControlCharacter(std::string_view text) {
  return std::ranges::any_of(
      text, [](char c) { return absl::ascii_iscntrl(static_cast<unsigned char>(c)); });
}

}  // namespace tokenbroker::oauth
