#include "net/http_response_reader.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"

namespace tokenbroker {
namespace {

std::string_view Trimmed(std::string_view text) {
  const auto first = text.find_first_not_of(" \t\r\n");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r\n") - first + 1);
}

std::string Lower(std::string_view text) {
  return absl::AsciiStrToLower(absl::string_view(text.data(), text.size()));
}

bool IsTokenCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("!#$%&'*+-.^_`|~").find(c) != std::string_view::npos;
}

}  // namespace

bool HttpResponseReader::AddHeaderLine(std::string_view line) {
  header_bytes_ += line.size();
  if (header_bytes_ > limits_.max_header_bytes) return Refuse("too_large");
  if (line.starts_with("HTTP/")) {
    if (++header_count_ > limits_.max_header_count) return Refuse("too_large");
    response_.headers.clear();
    content_length_.reset();
    chunked_ = false;
    has_headers_ = false;
    return true;
  }
  const std::string_view content = Trimmed(line);
  if (content.empty()) {
    has_headers_ = true;
    return true;
  }
  if (++header_count_ > limits_.max_header_count) return Refuse("too_large");
  // A line that starts with white space would continue the one before (RFC 9112 section 5.2).
  const auto colon = line.find(':');
  if (colon == std::string_view::npos || colon == 0) return Refuse("malformed");
  const std::string_view name = line.substr(0, colon);
  const std::string_view value = Trimmed(line.substr(colon + 1));
  if (!std::all_of(name.begin(), name.end(), IsTokenCharacter)) return Refuse("malformed");
  if (value.find('\0') != std::string_view::npos) return Refuse("malformed");
  std::string lower_name = Lower(name);
  if (!CheckField(lower_name, value)) return false;
  response_.headers.emplace_back(std::move(lower_name), std::string(value));
  return true;
}

bool HttpResponseReader::CheckField(std::string_view name, std::string_view value) {
  if (name == "content-encoding") {
    // Nothing but identity was accepted, and a decoder would multiply the bytes.
    return value.empty() || Lower(value) == "identity" || Refuse("content_encoding");
  }
  if (name == "content-length") return CheckContentLength(value);
  if (name == "transfer-encoding") {
    chunked_ = true;
    // Both framings at once is how requests are smuggled (RFC 9112 section 6.3).
    return (Lower(value) == "chunked" && !content_length_) || Refuse("malformed");
  }
  return true;
}

bool HttpResponseReader::CheckContentLength(std::string_view value) {
  const bool digits = !value.empty() && value.find_first_not_of("0123456789") == value.npos;
  if (!digits || chunked_ || (content_length_ && *content_length_ != value)) {
    return Refuse("malformed");
  }
  content_length_ = std::string(value);
  std::uint64_t length = 0;
  if (!absl::SimpleAtoi(*content_length_, &length)) return Refuse("malformed");
  return length <= limits_.max_body_bytes || Refuse("too_large");
}

bool HttpResponseReader::AddBody(std::string_view piece) {
  if (piece.size() > limits_.max_body_bytes - body_.size()) return Refuse("too_large");
  body_.Append(piece);
  return true;
}

HttpResponse HttpResponseReader::Take(int status) {
  response_.status = status;
  response_.body = body_.Take();
  return std::move(response_);
}

bool HttpResponseReader::Refuse(std::string_view cause) {
  refusal_ = cause;
  return false;
}

std::optional<std::string_view> HttpResponse::Header(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key == name) return value;
  }
  return std::nullopt;
}

}  // namespace tokenbroker
