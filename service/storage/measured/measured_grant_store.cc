#include "storage/measured/measured_grant_store.h"

#include <array>

#include "absl/strings/str_cat.h"

namespace tokenbroker::storage {

void MeasuredGrantStore::Note(std::string_view operation, const absl::Status& status,
                              absl::Time began, const TracePtr& trace) {
  const std::string_view outcome =
      status.ok() ? "OK" : Describe(ReasonOf(status).value_or(Reason::kInternal)).name;
  metrics_.Count(telemetry::Metric::kStoreRequests, {operation, outcome});
  const absl::Time now = clock_.Now();
  metrics_.Observe(telemetry::Metric::kStoreRequestDuration, {operation}, now - began);
  if (trace == nullptr || trace->sink == nullptr) return;
  const std::array<FinishedSpan::Attribute, 2> attributes = {{
      {"tokenbroker.operation", operation},
      {"tokenbroker.outcome", outcome},
  }};
  RecordSpan(trace, absl::StrCat("store ", std::string(operation)), began, now, !status.ok(),
             attributes);
}

StatusTask MeasuredGrantStore::Timed(std::string_view operation, StatusTask request) {
  const TracePtr trace = CurrentTrace();
  const absl::Time began = clock_.Now();
  const absl::Status answer = co_await std::move(request);
  Note(operation, answer, began, trace);
  co_return answer;
}

}  // namespace tokenbroker::storage
