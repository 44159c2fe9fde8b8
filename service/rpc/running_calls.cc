#include "rpc/running_calls.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "rpc/status_details.h"

namespace tokenbroker::rpc {

RunningCalls::RunningCalls(asio::any_io_executor executor, const Clock& clock, Options options)
    : executor_(std::move(executor)), clock_(clock), options_(options) {}

RunningCalls::~RunningCalls() { AwaitNone(); }

absl::StatusOr<std::shared_ptr<Flight>> RunningCalls::Run(
    Kind kind, asio::awaitable<grpc::Status> coroutine, std::function<void(grpc::Status)> landed) {
  auto flight = std::make_shared<Flight>(executor_);
  if (absl::Status status = Admit(kind, flight); !status.ok()) return status;
  // The flight keeps itself alive until it has landed; a reference to it here would keep it for
  // ever.
  // A stream may wait without end, so that it must not miss its cancellation.
  const auto cancellation =
      kind == Kind::kStream ? Cancellation::kFailsEveryWait : Cancellation::kFailsOneWait;
  flight->Launch(
      std::move(coroutine), cancellation,
      [this, kind, weak = std::weak_ptr(flight), landed = std::move(landed)](grpc::Status status) {
        if (status.error_code() == grpc::StatusCode::CANCELLED && draining()) {
          status = ToGrpcStatus(Error(Reason::kShuttingDown));
        }
        landed(std::move(status));
        Land(kind, weak.lock());
      });
  // A drain that came between Admit and Launch cancelled what was not there yet.
  if (kind == Kind::kStream && draining()) flight->Cancel();
  return flight;
}

absl::Status RunningCalls::Admit(Kind kind, const std::shared_ptr<Flight>& flight) {
  const auto full = [] {
    return WithRetryAfter(Error(Reason::kLimitReached, {{"limit", "concurrent_rpcs"}}),
                          absl::Seconds(1));
  };
  absl::MutexLock lock(&mutex_);
  if (kind == Kind::kStream) {
    if (draining_) return Error(Reason::kShuttingDown);
    if (streams_.size() >= options_.max_streams) return full();
    streams_.insert(flight);
    return absl::OkStatus();
  }
  if (calls_ >= options_.max_calls) return full();
  ++calls_;
  return absl::OkStatus();
}

void RunningCalls::Land(Kind kind, const std::shared_ptr<Flight>& flight) {
  absl::MutexLock lock(&mutex_);
  if (kind == Kind::kStream) {
    streams_.erase(flight);
  } else {
    --calls_;
  }
}

bool RunningCalls::draining() const {
  absl::MutexLock lock(&mutex_);
  return draining_;
}

RunningCalls::Count RunningCalls::count() const {
  absl::MutexLock lock(&mutex_);
  return {.calls = calls_, .streams = streams_.size()};
}

void RunningCalls::Drain() {
  std::vector<std::shared_ptr<Flight>> streams;
  {
    absl::MutexLock lock(&mutex_);
    draining_ = true;
    streams.assign(streams_.begin(), streams_.end());
  }
  for (const auto& stream : streams) stream->Cancel();
}

void RunningCalls::AwaitNone() {
  absl::MutexLock lock(&mutex_);
  mutex_.Await(absl::Condition(
      +[](RunningCalls* calls)
           ABSL_EXCLUSIVE_LOCKS_REQUIRED(calls->mutex_) { return calls->None(); },
      this));
}

}  // namespace tokenbroker::rpc
