// The border where an absl::Status of ours becomes what callers see (google.rpc error model).
#pragma once

#include "absl/status/status.h"
#include "grpcpp/support/status.h"

namespace tokenbroker::rpc {

// `domain` of every google.rpc.ErrorInfo made here.
inline constexpr char kErrorDomain[] = "tokenbroker";

// The same code and message, with a google.rpc.Status in the details: an ErrorInfo always, a
// RetryInfo where waiting helps and a BadRequest where a field is at fault. A Status that was not
// made by base/error.h is a bug of ours: it becomes INTERNAL with constant text, since nobody
// vouches for its message. Pure and thread-safe.
grpc::Status ToGrpcStatus(const absl::Status& status);

}  // namespace tokenbroker::rpc
