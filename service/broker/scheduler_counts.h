// What a scheduler counts, for people to look at.
#pragma once

#include <atomic>
#include <cstdint>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "broker/scheduler.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Thread-safe.
class SchedulerCounts {
 public:
  void Claimed(std::uint64_t grants, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  // A refresh begins that has been due since `due`.
  void Begun(absl::Time due, absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  void Summarized(const grants::ScheduleSummary& summary, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Everything but what is in flight.
  SchedulerState Read(absl::Time now) const ABSL_LOCKS_EXCLUDED(mutex_);

  std::atomic<std::uint64_t> refreshed = 0;
  std::atomic<std::uint64_t> failed = 0;
  std::atomic<std::uint64_t> ended = 0;
  std::atomic<std::uint64_t> deferred = 0;
  std::atomic<std::uint64_t> postponed = 0;
  std::atomic<std::uint64_t> store_errors = 0;

 private:
  // Turns to the window that `now` is in.
  void Turn(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  mutable Mutex mutex_;
  SchedulerState state_ ABSL_GUARDED_BY(mutex_);
  absl::Time window_began_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Duration lag_now_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();     // of this window
  absl::Duration lag_before_ ABSL_GUARDED_BY(mutex_) = absl::ZeroDuration();  // of the last one
};

}  // namespace tokenbroker::broker
