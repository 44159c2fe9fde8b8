#include "provider/measured_http_client.h"

#include <array>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/trace.h"

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
  const TracePtr trace = CurrentTrace();
  const absl::Time began = clock_.Now();
  absl::StatusOr<HttpResponse> response = co_await inner_.Send(std::move(request));
  const absl::Time now = clock_.Now();
  metrics_.Count(telemetry::Metric::kProviderRequests,
                 {provider_, endpoint, StatusClass(response)});
  metrics_.Observe(telemetry::Metric::kProviderRequestDuration, {provider_, endpoint}, now - began);
  if (trace != nullptr && trace->sink != nullptr) {
    const std::array<FinishedSpan::Attribute, 3> attributes = {{
        {"tokenbroker.provider", provider_},
        {"tokenbroker.endpoint", endpoint},
        {"http.response.status_code", std::int64_t{response.ok() ? response->status : 0}},
    }};
    RecordSpan(trace, absl::StrCat("provider ", std::string(endpoint)), began, now,
               !response.ok() || response->status >= 400, attributes);
  }
  co_return response;
}

}  // namespace tokenbroker::provider
