// One flight per key: whoever wants the same result at the same time waits for the same work.
//
//   SingleFlight<std::string, Document> flights(runtime, clock);
//   ...
//   absl::StatusOr<Document> document =
//       co_await flights.Run(url, [self, url] { return self->Fetch(url); }, deadline);
#pragma once

#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/runtime.h"
#include "provider/waiter.h"

namespace tokenbroker::provider {

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
  using Waiter = provider::Waiter<T>;

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
    auto waiter = std::make_shared<Waiter>();
    if (tower->Join(key, waiter)) tower->runtime.Spawn(Fly(tower, key, std::move(work)));
    co_return co_await AwaitSettled(std::move(waiter), patience);
  }

  const std::shared_ptr<Tower> tower_;
};

}  // namespace tokenbroker::provider
