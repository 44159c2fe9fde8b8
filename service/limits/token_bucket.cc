#include "limits/token_bucket.h"

#include <algorithm>

namespace tokenbroker::limits {

TokenBucket::TokenBucket(int burst, absl::Duration interval)
    : burst_(burst), interval_(interval), tokens_(burst) {}

int TokenBucket::TakeUpTo(int wanted, absl::Time now) {
  Refill(now);
  const int taken = std::min(wanted, static_cast<int>(tokens_));
  tokens_ -= taken;
  return taken;
}

absl::Duration TokenBucket::UntilNext(absl::Time now) {
  Refill(now);
  return std::max(absl::ZeroDuration(), (1 - tokens_) * interval_);
}

void TokenBucket::GiveBack() { tokens_ = std::min(burst_, tokens_ + 1); }

void TokenBucket::Refill(absl::Time now) {
  // A wall clock that was set back must not stop the refill until it has caught up.
  if (now > refilled_at_) {
    tokens_ = std::min(burst_, tokens_ + absl::FDivDuration(now - refilled_at_, interval_));
  }
  refilled_at_ = now;
}

}  // namespace tokenbroker::limits
