#include "storage/measured/measured_grant_store.h"

namespace tokenbroker::storage {

void MeasuredGrantStore::Note(std::string_view operation, const absl::Status& status,
                              absl::Time began) {
  const std::string_view outcome =
      status.ok() ? "OK" : Describe(ReasonOf(status).value_or(Reason::kInternal)).name;
  metrics_.Count(telemetry::Metric::kStoreRequests, {operation, outcome});
  metrics_.Observe(telemetry::Metric::kStoreRequestDuration, {operation}, clock_.Now() - began);
}

StatusTask MeasuredGrantStore::Timed(std::string_view operation, StatusTask request) {
  const absl::Time began = clock_.Now();
  const absl::Status answer = co_await std::move(request);
  Note(operation, answer, began);
  co_return answer;
}

}  // namespace tokenbroker::storage
