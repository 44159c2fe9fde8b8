#include "rpc/status_details.h"

#include <string>

#include "base/error.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace tokenbroker::rpc {
namespace {

// For what passes by itself and nobody knows when.
constexpr absl::Duration kRetryAfter = absl::Seconds(1);

std::string SerializeDetails(const absl::Status& status, Reason reason) {
  google::rpc::Status details;
  details.set_code(static_cast<int>(status.code()));
  details.set_message(std::string(status.message()));

  google::rpc::ErrorInfo info;
  info.set_reason(std::string(Describe(reason).name));
  info.set_domain(kErrorDomain);
  for (const auto& [key, value] : MetadataOf(status)) (*info.mutable_metadata())[key] = value;
  details.add_details()->PackFrom(info);

  if (const auto delay = RetryAfterOf(status)) {
    google::rpc::RetryInfo retry;
    const std::int64_t milliseconds = absl::ToInt64Milliseconds(*delay);
    retry.mutable_retry_delay()->set_seconds(milliseconds / 1000);
    retry.mutable_retry_delay()->set_nanos(static_cast<std::int32_t>(milliseconds % 1000) *
                                           1'000'000);
    details.add_details()->PackFrom(retry);
  }
  if (const auto field = FieldOf(status)) {
    google::rpc::BadRequest bad_request;
    auto* violation = bad_request.add_field_violations();
    violation->set_field(field->first);
    violation->set_description(field->second);
    details.add_details()->PackFrom(bad_request);
  }
  return details.SerializeAsString();
}

}  // namespace

grpc::Status ToGrpcStatus(const absl::Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto reason = ReasonOf(status);
  if (!reason) return ToGrpcStatus(Error(Reason::kInternal));
  if (absl::IsUnavailable(status) && !RetryAfterOf(status)) {
    return ToGrpcStatus(WithRetryAfter(status, kRetryAfter));
  }
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message()),
          SerializeDetails(status, *reason)};
}

}  // namespace tokenbroker::rpc
