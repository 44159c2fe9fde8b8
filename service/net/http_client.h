// HTTP as the broker needs it: one request, one whole response, hard limits on everything.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/secret.h"
#include "base/task.h"
#include "net/delivery.h"
#include "net/tls.h"

namespace tokenbroker {

// A request header; the value is often an Authorization, so it is always handled as a secret.
struct HttpHeader {
  std::string name;
  Secret value;
};

// What more than this is refused, with PROVIDER_RESPONSE_INVALID and cause `too_large`.
struct HttpLimits {
  std::size_t max_body_bytes = 1 << 20;
  std::size_t max_header_bytes = 64 << 10;  // all lines together, those of 1xx responses included
  std::size_t max_header_count = 200;
};

struct HttpRequest {
  std::string method = "GET";
  // Absolute, http or https, ASCII, without user name or fragment.
  std::string url;
  std::vector<HttpHeader> headers;
  Secret body;
  // When the whole exchange must be over, name resolution included; a day from now at the latest.
  absl::Time deadline = absl::InfiniteFuture();
  HttpLimits limits = {};
  TlsClientOptions tls = {};
  // What `url` is for, such as `token`: a constant, for whoever counts or limits requests. Not
  // sent.
  std::string_view endpoint = "other";
  // Asked when the connection is there and the first byte is about to leave, which may be long
  // after the request was made. False: nothing is sent. Called on a thread of the client's, which
  // it must not block. Empty: it may leave.
  std::function<bool()> may_leave = {};
};

struct HttpResponse {
  int status = 0;
  // In the order received, names in lower case, values without surrounding white space.
  std::vector<std::pair<std::string, std::string>> headers;
  Secret body;

  // The value of the first header `name` (in lower case).
  std::optional<std::string_view> Header(std::string_view name) const;
};

// Thread-safe.
class HttpClient {
 public:
  virtual ~HttpClient() = default;

  // Sends `request` and waits for the whole response. Any HTTP status is a success here. Redirects
  // are not followed, and nothing is sent twice.
  //
  // Errors, each but the first with a Delivery and metadata `cause`:
  //   INVALID_REQUEST            the request cannot be sent as it is (URL, method, header syntax)
  //   PROVIDER_UNAVAILABLE       dns, connect, address_refused, tls (with `tls_error`), timeout of
  //                              connecting, reset
  //   PROVIDER_RESPONSE_INVALID  too_large, content_encoding, malformed
  //   PROVIDER_MISCONFIGURED     tls_files: the request's certificate or key files cannot be used
  //   DEADLINE_EXCEEDED          timeout
  //   CANCELLED                  the waiting coroutine was cancelled; withdrawn, where `may_leave`
  //                              said no (and NOT_SENT)
  //   SHUTTING_DOWN              the client was destroyed meanwhile
  // Suspends: one exchange over the network. Borrows nothing.
  virtual Task<HttpResponse> Send(HttpRequest request) = 0;
};

}  // namespace tokenbroker
