// Puts a response together from header lines and pieces of body, and refuses what breaks the rules.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "net/http_client.h"
#include "net/wiping_buffer.h"

namespace tokenbroker {

// Thread-compatible.
class HttpResponseReader {
 public:
  explicit HttpResponseReader(const HttpLimits& limits) : limits_(limits) {}

  // One line of a header section, line end included: a status line, a field, or the empty line.
  // Status lines of interim (1xx) responses start anew, but their bytes count. False = refused,
  // with a cause.
  bool AddHeaderLine(std::string_view line);

  // The next piece of the body, framing removed.
  bool AddBody(std::string_view piece);

  // Why the response was refused: `too_large`, `malformed` or `content_encoding`.
  std::optional<std::string_view> refusal() const { return refusal_; }

  // Whether the header section has come to its end. Without that nothing is known of the response,
  // not even that its status means what it seems to (RFC 9112 section 8).
  bool has_headers() const { return has_headers_; }

  // The response so far, for the end of the exchange.
  HttpResponse Take(int status);

 private:
  bool Refuse(std::string_view cause);
  bool CheckField(std::string_view name, std::string_view value);
  bool CheckContentLength(std::string_view value);

  const HttpLimits limits_;
  HttpResponse response_;
  WipingBuffer body_;
  std::size_t header_bytes_ = 0;
  std::size_t header_count_ = 0;
  std::optional<std::string> content_length_;
  bool chunked_ = false;
  bool has_headers_ = false;
  std::optional<std::string_view> refusal_;
};

}  // namespace tokenbroker
