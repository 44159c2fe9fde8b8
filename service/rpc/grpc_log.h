// What gRPC itself complains of, as lines of the broker's log instead of its own on standard error.
#pragma once

#include "telemetry/log.h"

namespace tokenbroker::rpc {

// gRPC has one log for the whole process, so there is at most one of these. While it lives, errors
// of gRPC are warnings of `log`; anything less is dropped, since traces show metadata. Afterwards
// they are dropped too.
class GrpcLog {
 public:
  // Borrows `log`.
  explicit GrpcLog(const telemetry::Log& log);
  ~GrpcLog();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;
};

}  // namespace tokenbroker::rpc
