// The RPCs that wait: how many there are, how many there may be, and their end when the server
// stops.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/statusor.h"
#include "absl/synchronization/mutex.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "base/clock.h"
#include "grpcpp/support/status.h"
#include "rpc/flight.h"

namespace tokenbroker::rpc {

// Thread-safe. RPCs that are answered at once never come here.
class RunningCalls {
 public:
  enum class Kind { kUnary, kStream };

  struct Options {
    std::size_t max_calls = 10'000;
    std::size_t max_streams = 10'000;
    absl::Duration longest_call = absl::Seconds(60);  // where the caller gives no deadline
  };

  // Coroutines run on `executor`, which must run until the destructor has returned.
  RunningCalls(asio::any_io_executor executor, const Clock& clock, Options options);
  // Waits until none is left.
  ~RunningCalls();

  // Runs `coroutine`, cancelled as Cancellation::kFailsOneWait says if it is unary and as
  // kFailsEveryWait says if it is a stream, and hands its status to `landed` on a thread of the
  // executor; `landed` must not block. While the server drains, a coroutine that ends with
  // CANCELLED ends with SHUTTING_DOWN instead.
  //
  // Errors: LIMIT_REACHED, with RetryInfo; SHUTTING_DOWN for a stream while the server drains.
  // `coroutine` has not begun then and `landed` is never called.
  absl::StatusOr<std::shared_ptr<Flight>> Run(Kind kind, asio::awaitable<grpc::Status> coroutine,
                                              std::function<void(grpc::Status)> landed);

  // From now on no stream begins, and those that run are cancelled.
  void Drain() ABSL_LOCKS_EXCLUDED(mutex_);

  void AwaitNone() ABSL_LOCKS_EXCLUDED(mutex_);

  struct Count {
    std::size_t calls = 0;
    std::size_t streams = 0;
  };
  Count count() const ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock& clock() const { return clock_; }
  absl::Duration longest_call() const { return options_.longest_call; }

 private:
  absl::Status Admit(Kind kind, const std::shared_ptr<Flight>& flight) ABSL_LOCKS_EXCLUDED(mutex_);
  void Land(Kind kind, const std::shared_ptr<Flight>& flight) ABSL_LOCKS_EXCLUDED(mutex_);
  bool draining() const ABSL_LOCKS_EXCLUDED(mutex_);
  bool None() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return calls_ == 0 && streams_.empty();
  }

  // Constant after construction.
  const asio::any_io_executor executor_;
  const Clock& clock_;
  const Options options_;

  mutable absl::Mutex mutex_;
  bool draining_ ABSL_GUARDED_BY(mutex_) = false;
  std::size_t calls_ ABSL_GUARDED_BY(mutex_) = 0;
  absl::flat_hash_set<std::shared_ptr<Flight>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::rpc
