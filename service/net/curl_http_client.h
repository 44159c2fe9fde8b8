// HttpClient over libcurl.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "net/address_policy.h"
#include "net/http_client.h"
#include "net/runtime.h"

namespace tokenbroker {

struct HttpClientOptions {
  AddressPolicy address_policy = {};
  // For name resolution, TCP and TLS together.
  absl::Duration connect_timeout = absl::Seconds(5);
  // Requests to a host (and port) beyond this wait for a connection, those to others do not. A
  // backstop: how many requests a provider may have in flight is bounded for each by itself, also
  // where several are on one host, and what is allowed there should not wait here.
  int max_connections_per_host = 1024;
  std::string user_agent = "token-broker";
};

class CurlEngine;

// HTTP/1.1 with pooled connections. Peers are verified, TLS is 1.2 at least; environment variables
// (proxies), cookies and redirects play no part, and compressed answers are refused, as they were
// not asked for. A request is never repeated, not even on a pooled connection that turns out dead:
// POSTs of ours redeem things that work once.
//
// Thread-safe; all of libcurl's work is on one strand of `runtime`. Destroying it ends the requests
// in flight with SHUTTING_DOWN. A coroutine that has not begun to run must not find it gone.
class CurlHttpClient final : public HttpClient {
 public:
  // Borrows `runtime` and `clock` (which `HttpRequest::deadline` is measured by).
  // Errors: INTERNAL where libcurl cannot do TLS or resolves names only by blocking.
  static absl::StatusOr<std::unique_ptr<CurlHttpClient>> Create(Runtime& runtime,
                                                                const Clock& clock,
                                                                HttpClientOptions options);
  ~CurlHttpClient() override;

  Task<HttpResponse> Send(HttpRequest request) override;

 private:
  CurlHttpClient(std::shared_ptr<CurlEngine> engine, const Clock& clock);

  const std::shared_ptr<CurlEngine> engine_;
  const Clock& clock_;
};

}  // namespace tokenbroker
