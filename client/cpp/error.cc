#include "tokenbroker/error.h"

#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"

namespace tokenbroker::client {

ErrorDetails ReadErrorDetails(const grpc::Status& status) {
  ErrorDetails details;
  google::rpc::Status rich;
  if (status.ok() || !rich.ParseFromString(status.error_details())) return details;
  for (const google::protobuf::Any& any : rich.details()) {
    google::rpc::ErrorInfo info;
    google::rpc::RetryInfo retry;
    google::rpc::BadRequest bad_request;
    if (any.UnpackTo(&info)) {
      details.reason = info.reason();
      details.metadata = {info.metadata().begin(), info.metadata().end()};
    } else if (any.UnpackTo(&retry)) {
      details.retry_after = std::chrono::seconds(retry.retry_delay().seconds()) +
                            std::chrono::milliseconds(retry.retry_delay().nanos() / 1'000'000);
    } else if (any.UnpackTo(&bad_request)) {
      for (const auto& violation : bad_request.field_violations()) {
        details.field_violations[violation.field()] = violation.description();
      }
    }
  }
  return details;
}

}  // namespace tokenbroker::client
