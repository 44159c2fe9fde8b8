// Requests from the broker to one provider: with a time limit, and repeated only where that is
// safe.
#pragma once

#include <functional>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/http_client.h"
#include "net/tls.h"
#include "oauth/token_response.h"

namespace tokenbroker::provider {

struct BackChannelOptions {
  // For one exchange, whatever the caller's deadline. Default: 10 s.
  absl::Duration timeout = absl::Seconds(10);
  HttpLimits limits = {};
  // What is trusted; a client certificate is that of the request.
  TlsClientOptions tls = {};
};

// Thread-safe.
class BackChannel {
 public:
  BackChannel(std::shared_ptr<HttpClient> http, const Clock& clock, BackChannelOptions options);

  // Sends the request that `make` makes, and another one where provably nothing of the first
  // reached the provider. Sets its deadline, its limits and what is trusted. Any HTTP status is a
  // success.
  //
  // Errors: PROVIDER_UNAVAILABLE (with RetryInfo; also where the provider takes longer than
  // `timeout`), PROVIDER_MISCONFIGURED (the URL cannot be requested, or its host has an address
  // that is refused), PROVIDER_RESPONSE_INVALID, LIMIT_REACHED, DEADLINE_EXCEEDED, CANCELLED,
  // SHUTTING_DOWN, all with a Delivery; what `make` fails with, marked as not sent.
  // Suspends: up to 2 exchanges. Borrows: this object must outlive the task.
  Task<HttpResponse> Exchange(std::function<absl::StatusOr<HttpRequest>()> make,
                              absl::Time deadline) const;

 private:
  Task<HttpResponse> Send(HttpRequest request, absl::Time deadline) const;

  const std::shared_ptr<HttpClient> http_;
  const Clock& clock_;
  const BackChannelOptions options_;
};

// Views into `response`.
oauth::HttpAnswer AnswerOf(const HttpResponse& response);

}  // namespace tokenbroker::provider
