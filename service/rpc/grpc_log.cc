#include "rpc/grpc_log.h"

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "grpc/support/log.h"

namespace tokenbroker::rpc {
namespace {

// gRPC's threads may complain at any time, also while the log goes.
struct Target {
  Mutex mutex;
  const telemetry::Log* log ABSL_GUARDED_BY(mutex) = nullptr;
};

Target& TheTarget() {
  static auto* const target = new Target;
  return *target;
}

void Write(gpr_log_func_args* line) {
  if (line->severity != GPR_LOG_SEVERITY_ERROR) return;
  Target& target = TheTarget();
  const MutexLock lock(target.mutex);
  if (target.log == nullptr) return;
  target.log->Write(telemetry::Level::kWarning, "grpc",
                    {{"message", line->message}, {"file", line->file}, {"line", line->line}});
}

void SetTarget(const telemetry::Log* log) {
  Target& target = TheTarget();
  const MutexLock lock(target.mutex);
  target.log = log;
}

}  // namespace

GrpcLog::GrpcLog(const telemetry::Log& log) {
  SetTarget(&log);
  gpr_set_log_function(&Write);
}

GrpcLog::~GrpcLog() { SetTarget(nullptr); }

}  // namespace tokenbroker::rpc
