#include "provider/back_off.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace tokenbroker::provider {

absl::Status BackOff::Failed(absl::Status failure, absl::Time now) {
  constexpr int kDoublings = 5;
  absl::Duration wait = absl::Seconds(1 << std::min(failures_++, kDoublings));
  wait = std::max(wait, RetryAfterOf(failure).value_or(absl::ZeroDuration()));
  // Only ever longer than asked for, and not so that all replicas come back in one moment.
  wait = std::min(wait * (1 + 0.25 * RandomFraction()), kMaxBackOff);
  retry_at_ = now + wait;
  last_failure_ = std::move(failure);
  return WithRetryAfter(last_failure_, wait);
}

void BackOff::Succeeded() {
  failures_ = 0;
  last_failure_ = absl::OkStatus();
  retry_at_ = absl::InfinitePast();
}

std::optional<absl::Status> BackOff::Blocked(absl::Time now) const {
  const absl::Duration left = retry_at_ - now;
  // More than the longest wait is left only where the wall clock was set back.
  if (left <= absl::ZeroDuration() || left > kMaxBackOff) return std::nullopt;
  return WithRetryAfter(last_failure_, left);
}

}  // namespace tokenbroker::provider
