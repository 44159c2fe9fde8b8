#include "provider/token_bucket.h"

#include <algorithm>

namespace tokenbroker::provider {

TokenBucket::TokenBucket(int burst, absl::Duration interval)
    : burst_(burst), interval_(interval), tokens_(burst) {}

bool TokenBucket::Take(absl::Time now) {
  Refill(now);
  if (tokens_ < 1) return false;
  tokens_ -= 1;
  return true;
}

void TokenBucket::GiveBack() { tokens_ = std::min(burst_, tokens_ + 1); }

void TokenBucket::Refill(absl::Time now) {
  // A wall clock that was set back must not stop the refill until it has caught up.
  if (now > refilled_at_) {
    tokens_ = std::min(burst_, tokens_ + absl::FDivDuration(now - refilled_at_, interval_));
  }
  refilled_at_ = now;
}

}  // namespace tokenbroker::provider
