// A coroutine that waits for something which others bring about: settled once, by the first of
// them, its deadline, and cancellation.
//
//   auto waiter = std::make_shared<Waiter<bool>>();
//   line.push_back(waiter);                       // somebody calls waiter->Settle(true) one day
//   absl::StatusOr<bool> let_in = co_await AwaitSettled(waiter, absl::Seconds(5));
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/error_code.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "base/error.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/completion.h"

namespace tokenbroker::provider {

// Thread-safe.
template <typename T>
class Waiter {
 public:
  // Whether this settled it. The coroutine is resumed on its own executor, never inline.
  bool Settle(absl::StatusOr<T> result) ABSL_LOCKS_EXCLUDED(mutex_) {
    Completion<T> done;
    {
      MutexLock lock(mutex_);
      if (settled_) return false;
      settled_ = true;
      if (!done_) {
        early_result_ = std::move(result);
        return true;
      }
      done = std::exchange(done_, nullptr);
    }
    done(std::move(result));
    return true;
  }

  // For AwaitSettled.
  void OnSettled(Completion<T> done) ABSL_LOCKS_EXCLUDED(mutex_) {
    std::optional<absl::StatusOr<T>> result;
    {
      MutexLock lock(mutex_);
      if (!settled_) {
        done_ = std::move(done);
        return;
      }
      result = std::exchange(early_result_, std::nullopt);
    }
    done(*std::move(result));
  }

  // Drops the waiting coroutine, whose executor runs no more.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_) {
    Completion<T> dropped;
    MutexLock lock(mutex_);
    std::swap(dropped, done_);
  }

 private:
  Mutex mutex_;
  bool settled_ ABSL_GUARDED_BY(mutex_) = false;
  Completion<T> done_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::StatusOr<T>> early_result_ ABSL_GUARDED_BY(mutex_);
};

namespace internal {

// The end of a waiter's patience, as a timer's handler. The waiter owns its coroutine and the
// coroutine owns the waiter; the timer is what both have outside, so its end breaks the circle.
template <typename T>
class WaiterDeadline {
 public:
  explicit WaiterDeadline(std::shared_ptr<Waiter<T>> waiter) : waiter_(std::move(waiter)) {}
  WaiterDeadline(WaiterDeadline&&) noexcept = default;
  WaiterDeadline& operator=(WaiterDeadline&&) = delete;
  ~WaiterDeadline() {
    if (waiter_) waiter_->Abandon();
  }

  void operator()(const asio::error_code& error) {
    if (!error) waiter_->Settle(Error(Reason::kDeadlineExceeded));
  }

 private:
  std::shared_ptr<Waiter<T>> waiter_;
};

}  // namespace internal

// Suspends until `waiter` is settled, for `patience` of real time, a day at most.
// Errors: what it is settled with; DEADLINE_EXCEEDED and CANCELLED of the waiting.
template <typename T>
Task<T> AwaitSettled(std::shared_ptr<Waiter<T>> waiter, absl::Duration patience) {
  const asio::any_io_executor executor = co_await asio::this_coro::executor;
  asio::steady_timer timer(executor);
  timer.expires_after(absl::ToChronoNanoseconds(std::min(patience, absl::Hours(24))));
  timer.async_wait(internal::WaiterDeadline<T>(waiter));
  auto wait = [waiter](Completion<T> done, asio::cancellation_slot slot) {
    if (slot.is_connected()) {
      slot.assign([weak = std::weak_ptr<Waiter<T>>(waiter)](asio::cancellation_type) {
        if (const auto cancelled = weak.lock()) cancelled->Settle(Error(Reason::kCancelled));
      });
    }
    waiter->OnSettled(std::move(done));
  };
  absl::StatusOr<T> result = co_await AwaitCompletion<T>(std::move(wait));
  timer.cancel();
  co_return result;
}

}  // namespace tokenbroker::provider
