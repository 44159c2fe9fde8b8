// The threads that coroutines run on, and the one place that starts a coroutine nobody awaits.
//
//   Runtime runtime(2);
//   runtime.Spawn(RefreshForever(store));
//   absl::StatusOr<HttpResponse> response = RunBlocking(runtime, client.Send(std::move(request)));
#pragma once

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/executor_work_guard.hpp"
#include "asio/io_context.hpp"
#include "base/task.h"

namespace tokenbroker {

// A coroutine that was started with Runtime::Spawn. Thread-safe, copyable, may outlive the
// coroutine but not the Runtime; dropping it changes nothing.
class SpawnedTask {
 public:
  // Asks the wait that the coroutine is in to end (asio terminal cancellation): that wait returns
  // an error, and the coroutine runs on from there. No effect on a coroutine that has ended.
  void Cancel() const;

 private:
  friend class Runtime;
  struct Control;
  explicit SpawnedTask(std::shared_ptr<Control> control) : control_(std::move(control)) {}

  std::shared_ptr<Control> control_;
};

// A pool of threads under one asio::io_context. Thread-safe. Must outlive all that uses its
// executor; what still waits when it is destroyed is dropped without being resumed.
class Runtime {
 public:
  explicit Runtime(int threads = 2);
  ~Runtime();
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  // For net's own sockets and timers; more than one thread runs what is posted here.
  asio::any_io_executor executor() { return context_.get_executor(); }

  // Starts `task` on a strand of its own, so that timers, cancellation and `||` inside it need no
  // lock. Never runs any of it inline. An exception that leaves `task` ends the process: its type
  // is printed, its text is not, since that could quote a secret. Belongs to the trace of whoever
  // spawns it.
  SpawnedTask Spawn(asio::awaitable<void> task);

  // The same on a strand that there is already: for net's objects that live on one.
  void SpawnOn(asio::any_io_executor strand, asio::awaitable<void> task);

  // Waits for what runs right now, starts nothing more, and joins the threads. Idempotent. Not to
  // be called from one of the threads.
  void Stop();

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_;
  std::vector<std::thread> threads_;
};

// Runs `task` on `runtime` and blocks until it has ended: for tools and tests, and for start-up.
// Not to be called from one of the runtime's own threads.
template <typename T>
T RunBlocking(Runtime& runtime, asio::awaitable<T> task);

namespace internal {

// Not std::promise: TSan does not see into libstdc++'s.
template <typename T>
class BlockingResult {
 public:
  void Set(T value) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    ready_.notify_all();
  }
  T Wait() {
    std::unique_lock lock(mutex_);
    ready_.wait(lock, [this] { return value_.has_value(); });
    return *std::move(value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable ready_;
  std::optional<T> value_;
};

template <typename T>
asio::awaitable<void> SetWhenDone(asio::awaitable<T> task,
                                  std::shared_ptr<BlockingResult<T>> result) {
  T value = co_await std::move(task);
  result->Set(std::move(value));
}

}  // namespace internal

template <typename T>
T RunBlocking(Runtime& runtime, asio::awaitable<T> task) {
  auto result = std::make_shared<internal::BlockingResult<T>>();
  runtime.Spawn(internal::SetWhenDone<T>(std::move(task), result));
  return result->Wait();
}

}  // namespace tokenbroker
