// Counts what is asked of a provider, and how long the answers take; a span each, where traces are
// recorded. The provider is told nothing of the trace: it is a third party.
#pragma once

#include <string>

#include "base/clock.h"
#include "net/http_client.h"
#include "telemetry/metrics.h"

namespace tokenbroker::provider {

// Thread-safe. Passes everything on.
class MeasuredHttpClient final : public HttpClient {
 public:
  // `provider` is its configured name. Borrows the rest.
  MeasuredHttpClient(HttpClient& inner, std::string provider, telemetry::Metrics& metrics,
                     const Clock& clock)
      : inner_(inner), provider_(std::move(provider)), metrics_(metrics), clock_(clock) {}

  Task<HttpResponse> Send(HttpRequest request) override;

 private:
  HttpClient& inner_;
  const std::string provider_;
  telemetry::Metrics& metrics_;
  const Clock& clock_;
};

}  // namespace tokenbroker::provider
