#include "provider/back_off.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"

namespace tokenbroker::provider {

absl::Status BackOff::Failed(absl::Status failure, absl::Time now) {
  constexpr int kDoublings = 5;
  const absl::Duration step = absl::Seconds(1 << std::min(failures_++, kDoublings));
  // Never before the other side said, and then at any moment of the step: full jitter, so that
  // replicas which failed together do not come back together.
  const absl::Duration told = RetryAfterOf(failure).value_or(kMinBackOff);
  const absl::Duration wait = std::min(told + step * RandomFraction(), kMaxBackOff);
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
  const auto until = BlockedUntil(now);
  if (!until) return std::nullopt;
  return WithRetryAfter(last_failure_, *until - now);
}

std::optional<absl::Time> BackOff::BlockedUntil(absl::Time now) const {
  const absl::Duration left = retry_at_ - now;
  // More than the longest wait is left only where the wall clock was set back.
  if (left <= absl::ZeroDuration() || left > kMaxBackOff) return std::nullopt;
  return retry_at_;
}

}  // namespace tokenbroker::provider
