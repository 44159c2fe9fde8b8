#include "provider/measured_http_client.h"

#include <utility>

namespace tokenbroker::provider {
namespace {

std::string_view StatusClass(const absl::StatusOr<HttpResponse>& response) {
  if (!response.ok()) return "failed";
  switch (response->status / 100) {
    case 2:
      return "2xx";
    case 3:
      return "3xx";
    case 4:
      return response->status == 429 ? "429" : "4xx";
    case 5:
      return "5xx";
    default:
      return "other";
  }
}

}  // namespace

Task<HttpResponse> MeasuredHttpClient::Send(HttpRequest request) {
  const std::string_view endpoint = request.endpoint;
  const absl::Time began = clock_.Now();
  absl::StatusOr<HttpResponse> response = co_await inner_.Send(std::move(request));
  metrics_.Count(telemetry::Metric::kProviderRequests,
                 {provider_, endpoint, StatusClass(response)});
  metrics_.Observe(telemetry::Metric::kProviderRequestDuration, {provider_, endpoint},
                   clock_.Now() - began);
  co_return response;
}

}  // namespace tokenbroker::provider
