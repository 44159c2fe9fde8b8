// A bulkhead: a provider that hangs may not take up all of what the broker has.
#pragma once

#include <atomic>
#include <memory>

#include "net/http_client.h"

namespace tokenbroker::provider {

// Thread-safe. Passes requests on, but refuses those beyond `max_in_flight` at a time.
class BoundedHttpClient final : public HttpClient {
 public:
  // Borrows `inner`.
  BoundedHttpClient(HttpClient& inner, int max_in_flight)
      : inner_(inner), max_in_flight_(max_in_flight) {}

  // Errors: those of `inner`, and LIMIT_REACHED (with RetryInfo, Delivery kNotSent).
  Task<HttpResponse> Send(HttpRequest request) override;

 private:
  HttpClient& inner_;
  const int max_in_flight_;
  // Shared with the requests, which a runtime may drop after this object is gone.
  const std::shared_ptr<std::atomic<int>> in_flight_ = std::make_shared<std::atomic<int>>(0);
};

}  // namespace tokenbroker::provider
