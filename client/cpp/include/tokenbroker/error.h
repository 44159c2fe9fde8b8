// What a broker's error says, beyond the gRPC code.
#pragma once

#include <chrono>
#include <map>
#include <optional>
#include <string>

#include "grpcpp/support/status.h"

namespace tokenbroker::client {

// The details of a failed call, as the contract promises them.
struct ErrorDetails {
  std::string
      reason;  // such as REAUTHORIZATION_REQUIRED; empty where the error is not the broker's
  std::map<std::string, std::string> metadata;
  std::optional<std::chrono::milliseconds> retry_after;  // when asking again may help
  std::map<std::string, std::string> field_violations;   // by field
};

// Reads google.rpc.ErrorInfo, RetryInfo and BadRequest out of `status`; empty for what has none.
// Pure.
ErrorDetails ReadErrorDetails(const grpc::Status& status);

}  // namespace tokenbroker::client
