// Requests from the broker to one provider: with a time limit, and repeated only where that is
// safe.
#pragma once

#include <memory>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/http_client.h"
#include "net/tls.h"

namespace tokenbroker::provider {

struct BackChannelOptions {
  // For one exchange, whatever the caller's deadline. Default: 10 s.
  absl::Duration timeout = absl::Seconds(10);
  HttpLimits limits = {};
  TlsClientOptions tls = {};
};

// Thread-safe.
class BackChannel {
 public:
  BackChannel(std::shared_ptr<HttpClient> http, const Clock& clock, BackChannelOptions options);

  // Sends `request`, and once more where provably nothing of it reached the provider. Sets its
  // deadline, limits and TLS options. Any HTTP status is a success.
  //
  // Errors: PROVIDER_UNAVAILABLE (with RetryInfo; also where the provider takes longer than
  // `timeout`), PROVIDER_MISCONFIGURED (the URL cannot be requested, or its host has an address
  // that is refused), PROVIDER_RESPONSE_INVALID, LIMIT_REACHED, DEADLINE_EXCEEDED, CANCELLED,
  // SHUTTING_DOWN, all with a Delivery.
  // Suspends: up to 2 exchanges. Borrows: this object must outlive the task.
  Task<HttpResponse> Exchange(HttpRequest request, absl::Time deadline) const;

 private:
  const std::shared_ptr<HttpClient> http_;
  const Clock& clock_;
  const BackChannelOptions options_;
};

}  // namespace tokenbroker::provider
