// What tests of concurrent coroutines need: to hold some of them up, and to run many.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "asio/cancellation_signal.hpp"
#include "base/task.h"
#include "net/completion.h"
#include "net/http_client.h"
#include "net/runtime.h"

namespace tokenbroker::provider {

// Holds coroutines until a test opens it; open for good then. Thread-safe.
class Gate {
 public:
  StatusTask Pass() {
    auto wait = [this](Completion<bool> done, asio::cancellation_slot) { Hold(std::move(done)); };
    co_return (co_await AwaitCompletion<bool>(std::move(wait))).status();
  }

  void Open() {
    std::vector<Completion<bool>> held;
    {
      const std::lock_guard lock(mutex_);
      is_open_ = true;
      held.swap(held_);
    }
    for (auto& done : held) done(true);
  }

  // Blocks until `count` coroutines are held.
  void AwaitHeld(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return held_.size() >= count; });
  }

 private:
  void Hold(Completion<bool> done) {
    {
      const std::lock_guard lock(mutex_);
      if (!is_open_) {
        held_.push_back(std::move(done));
        changed_.notify_all();
        return;
      }
    }
    done(true);
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  bool is_open_ = false;
  std::vector<Completion<bool>> held_;
};

// Passes requests on through a gate. Thread-safe.
class GatedHttpClient final : public HttpClient {
 public:
  // Borrows both.
  GatedHttpClient(HttpClient& inner, Gate& gate) : inner_(inner), gate_(gate) {}

  Task<HttpResponse> Send(HttpRequest request) override {
    const absl::Status passed = co_await gate_.Pass();
    if (!passed.ok()) co_return passed;
    co_return co_await inner_.Send(std::move(request));
  }

 private:
  HttpClient& inner_;
  Gate& gate_;
};

// Runs tasks side by side and waits for them all.
template <typename T>
class Tasks {
 public:
  explicit Tasks(Runtime& runtime) : runtime_(runtime) {}

  SpawnedTask Start(Task<T> task) {
    const std::lock_guard lock(results_->mutex);
    ++results_->running;
    return runtime_.Spawn(Collect(results_, std::move(task)));
  }

  // Blocks; the results in the order in which they came.
  std::vector<absl::StatusOr<T>> Finish() {
    std::unique_lock lock(results_->mutex);
    results_->changed.wait(lock, [this] { return results_->running == 0; });
    return std::move(results_->values);
  }

 private:
  struct Results {
    std::mutex mutex;
    std::condition_variable changed;
    int running = 0;
    std::vector<absl::StatusOr<T>> values;
  };

  static asio::awaitable<void> Collect(std::shared_ptr<Results> results, Task<T> task) {
    absl::StatusOr<T> value = co_await std::move(task);
    Add(*results, std::move(value));
  }

  static void Add(Results& results, absl::StatusOr<T> value) {
    const std::lock_guard lock(results.mutex);
    results.values.push_back(std::move(value));
    --results.running;
    results.changed.notify_all();
  }

  Runtime& runtime_;
  const std::shared_ptr<Results> results_ = std::make_shared<Results>();
};

// On a runtime with one thread: returns when all that was spawned before waits for something.
inline asio::awaitable<bool> Nothing() { co_return true; }
inline void Settle(Runtime& runtime) { RunBlocking(runtime, Nothing()); }

}  // namespace tokenbroker::provider
