#include "support/manual_clock.h"

namespace tokenbroker::testing {

absl::Time ManualClock::Now() const {
  MutexLock lock(mutex_);
  return now_;
}

void ManualClock::Set(absl::Time now) {
  MutexLock lock(mutex_);
  now_ = now;
}

void ManualClock::Advance(absl::Duration by) {
  MutexLock lock(mutex_);
  now_ += by;
}

}  // namespace tokenbroker::testing
