// A bulkhead: how many requests to one provider may be under way at once, and who is next.
#pragma once

#include <array>
#include <cstddef>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "provider/permit.h"
#include "provider/waiting_line.h"

namespace tokenbroker::provider {

// Thread-safe. A place that is held keeps the object alive.
class Places : public std::enable_shared_from_this<Places> {
 public:
  // One of the places, given back at the end of its life.
  class Held {
   public:
    explicit Held(std::shared_ptr<Places> places) : places_(std::move(places)) {}
    Held(const Held&) = delete;
    Held& operator=(const Held&) = delete;
    ~Held() { places_->GiveBack(); }

   private:
    const std::shared_ptr<Places> places_;
  };

  // Borrows `clock`. `max_in_flight` is at least 1; of those who wait there are at most
  // `max_queued`.
  static std::shared_ptr<Places> Create(const Clock& clock, int max_in_flight, int max_queued);

  // Waits for a place, the most urgent first (provider/waiting_line.h).
  // Errors: LIMIT_REACHED with RetryInfo where too many wait, and after waiting in vain.
  Task<std::shared_ptr<Held>> Take(Urgency urgency, absl::Time deadline);

  int in_flight() const ABSL_LOCKS_EXCLUDED(mutex_);
  std::array<int, kPriorities> queued() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Places(const Clock& clock, int max_in_flight, int max_queued)
      : clock_(clock), max_in_flight_(max_in_flight), line_(static_cast<std::size_t>(max_queued)) {}

  static Task<std::shared_ptr<Held>> TakeFrom(std::shared_ptr<Places> self, Urgency urgency,
                                              absl::Time deadline);
  // Whether there was a place at once; else `waiter` is in the line.
  bool TakeOrJoin(const WaitingLine::Place& waiter, const Urgency& urgency)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const WaitingLine::Place& waiter) ABSL_LOCKS_EXCLUDED(mutex_);
  void GiveBack() ABSL_LOCKS_EXCLUDED(mutex_);
  WaitingLine::Place NextOrFree() ABSL_LOCKS_EXCLUDED(mutex_);

  const Clock& clock_;
  const int max_in_flight_;

  mutable Mutex mutex_;
  int in_flight_ ABSL_GUARDED_BY(mutex_) = 0;
  WaitingLine line_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::provider
