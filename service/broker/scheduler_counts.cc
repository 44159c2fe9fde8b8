#include "broker/scheduler_counts.h"

#include <algorithm>

namespace tokenbroker::broker {
namespace {

constexpr absl::Duration kWindow = absl::Seconds(10);

}  // namespace

void SchedulerCounts::Claimed(std::uint64_t grants, absl::Time now) {
  const MutexLock lock(mutex_);
  state_.claims += grants;
  state_.last_claim_at = now;
}

void SchedulerCounts::Turn(absl::Time now) {
  const absl::Duration age = now - window_began_;
  if (age < kWindow) return;
  lag_before_ = age < 2 * kWindow ? lag_now_ : absl::ZeroDuration();
  lag_now_ = absl::ZeroDuration();
  window_began_ = now;
}

void SchedulerCounts::Begun(absl::Time due, absl::Time now) {
  const MutexLock lock(mutex_);
  Turn(now);
  lag_now_ = std::max(lag_now_, now - due);
}

void SchedulerCounts::Summarized(const grants::ScheduleSummary& summary, absl::Time now) {
  const MutexLock lock(mutex_);
  state_.due = summary.scheduled;
  state_.overdue = summary.overdue;
  state_.oldest_overdue = std::max(now - summary.first.value_or(now), absl::ZeroDuration());
  state_.counted_at = now;
}

SchedulerState SchedulerCounts::Read(absl::Time now) const {
  const MutexLock lock(mutex_);
  SchedulerState read = state_;
  const absl::Duration age = now - window_began_;
  if (age < 2 * kWindow) read.lag = std::max(lag_now_, age < kWindow ? lag_before_ : lag_now_);
  read.refreshed = refreshed.load();
  read.failed = failed.load();
  read.ended = ended.load();
  read.deferred = deferred.load();
  read.postponed = postponed.load();
  read.store_errors = store_errors.load();
  return read;
}

}  // namespace tokenbroker::broker
