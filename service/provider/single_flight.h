// One flight per key: whoever wants the same result at the same time waits for the same work.
//
//   SingleFlight<std::string, Document> flights(runtime, clock);
//   ...
//   absl::StatusOr<Document> document =
//       co_await flights.Run(url, [self, url] { return self->Fetch(url); }, deadline);
#pragma once

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/error_code.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/completion.h"
#include "net/runtime.h"

namespace tokenbroker::provider {

namespace internal {

// One coroutine that waits: settled once, by the first of flight, deadline and cancellation.
// Thread-safe.
template <typename T>
class FlightWaiter {
 public:
  void Settle(absl::StatusOr<T> result) ABSL_LOCKS_EXCLUDED(mutex_) {
    Completion<T> done;
    {
      MutexLock lock(mutex_);
      if (settled_) return;
      settled_ = true;
      if (!done_) {
        early_result_ = std::move(result);
        return;
      }
      done = std::exchange(done_, nullptr);
    }
    done(std::move(result));
  }

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

// The end of a waiter's patience, as a timer's handler. The waiter owns its coroutine and the
// coroutine owns the waiter; the timer is what both have outside, so its end breaks the circle.
template <typename T>
class FlightDeadline {
 public:
  explicit FlightDeadline(std::shared_ptr<FlightWaiter<T>> waiter) : waiter_(std::move(waiter)) {}
  FlightDeadline(FlightDeadline&&) noexcept = default;
  FlightDeadline& operator=(FlightDeadline&&) = delete;
  ~FlightDeadline() {
    if (waiter_) waiter_->Abandon();
  }

  void operator()(const asio::error_code& error) {
    if (!error) waiter_->Settle(Error(Reason::kDeadlineExceeded));
  }

 private:
  std::shared_ptr<FlightWaiter<T>> waiter_;
};

}  // namespace internal

// Thread-safe. A flight belongs to nobody: a waiter that reaches its deadline or is cancelled
// leaves alone, and the work goes on for the others and for its own sake. Results, errors too, are
// copied to every waiter and arrive through the waiter's own executor, never inline; so a waiter
// may start the next flight for the same key at once.
//
// `Key` is ordered by `<`; `T` can be copied. Flights may outlast this object, but neither the
// runtime nor the clock.
template <typename Key, typename T>
class SingleFlight {
 public:
  // Must own what it uses, or be outlived by it.
  using Work = absl::AnyInvocable<Task<T>()>;

  // Flights run on strands of `runtime`, waiters on the executors of the coroutines that they are.
  SingleFlight(Runtime& runtime, const Clock& clock)
      : tower_(std::make_shared<Tower>(runtime, clock)) {}

  // Joins the flight for `key`, or starts one that runs `work`.
  // Errors: those of the work; DEADLINE_EXCEEDED and CANCELLED of the waiting alone; SHUTTING_DOWN.
  Task<T> Run(Key key, Work work, absl::Time deadline) {
    return JoinAndWait(tower_, std::move(key), std::move(work), deadline);
  }

 private:
  using Waiter = internal::FlightWaiter<T>;

  // What flights share; theirs as long as one is in the air.
  class Tower {
   public:
    Tower(Runtime& a_runtime, const Clock& a_clock) : runtime(a_runtime), clock(a_clock) {}

    // Whether the waiter is the first of a flight, which the caller then starts.
    bool Join(const Key& key, std::shared_ptr<Waiter> waiter) ABSL_LOCKS_EXCLUDED(mutex_) {
      MutexLock lock(mutex_);
      const auto [flight, is_new] = flights_.try_emplace(key);
      flight->second.push_back(std::move(waiter));
      return is_new;
    }

    void Land(const Key& key, const absl::StatusOr<T>& result) ABSL_LOCKS_EXCLUDED(mutex_) {
      std::vector<std::shared_ptr<Waiter>> waiters;
      {
        MutexLock lock(mutex_);
        const auto flight = flights_.find(key);
        waiters = std::move(flight->second);
        flights_.erase(flight);
      }
      for (const auto& waiter : waiters) waiter->Settle(result);
    }

    Runtime& runtime;
    const Clock& clock;

   private:
    Mutex mutex_;
    std::map<Key, std::vector<std::shared_ptr<Waiter>>> flights_ ABSL_GUARDED_BY(mutex_);
  };

  // Lands exactly once, also where the coroutine is dropped in the air.
  class Landing {
   public:
    Landing(std::shared_ptr<Tower> tower, Key key)
        : tower_(std::move(tower)), key_(std::move(key)) {}
    Landing(const Landing&) = delete;
    Landing& operator=(const Landing&) = delete;
    ~Landing() { tower_->Land(key_, result); }

    absl::StatusOr<T> result = Error(Reason::kShuttingDown);

   private:
    const std::shared_ptr<Tower> tower_;
    const Key key_;
  };

  static asio::awaitable<void> Fly(std::shared_ptr<Tower> tower, Key key, Work work) {
    Landing landing(std::move(tower), std::move(key));
    landing.result = co_await work();
  }

  static Task<T> JoinAndWait(std::shared_ptr<Tower> tower, Key key, Work work,
                             absl::Time deadline) {
    const absl::Duration patience = deadline - tower->clock.Now();
    if (patience <= absl::ZeroDuration()) co_return Error(Reason::kDeadlineExceeded);
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    auto waiter = std::make_shared<Waiter>();
    asio::steady_timer timer(executor);
    timer.expires_after(absl::ToChronoNanoseconds(std::min(patience, absl::Hours(24))));
    timer.async_wait(internal::FlightDeadline<T>(waiter));
    if (tower->Join(key, waiter)) tower->runtime.Spawn(Fly(tower, key, std::move(work)));
    auto wait = [waiter](Completion<T> done, asio::cancellation_slot slot) {
      if (slot.is_connected()) {
        slot.assign([weak = std::weak_ptr<Waiter>(waiter)](asio::cancellation_type) {
          if (const auto cancelled = weak.lock()) cancelled->Settle(Error(Reason::kCancelled));
        });
      }
      waiter->OnSettled(std::move(done));
    };
    absl::StatusOr<T> result = co_await AwaitCompletion<T>(std::move(wait));
    timer.cancel();
    co_return result;
  }

  const std::shared_ptr<Tower> tower_;
};

}  // namespace tokenbroker::provider
