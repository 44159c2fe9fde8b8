#include "storage/memory/memory_shared_limits.h"

#include <algorithm>

namespace tokenbroker::storage {
namespace {

constexpr absl::Duration kLongestCoolDown = absl::Hours(1);

}  // namespace

limits::Share MemorySharedLimits::TakeShare(const std::string& name,
                                            const std::optional<limits::Rate>& rate, int wanted) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  Limit& limit = limits_[name];
  const absl::Duration cool_down = limit.cool_until - now;
  // More than the longest is left only where the wall clock was set back.
  if (cool_down > absl::ZeroDuration() && cool_down <= kLongestCoolDown) {
    return {.cool_down = cool_down};
  }
  if (!rate) return {.tokens = wanted};
  if (!limit.bucket) limit.bucket.emplace(rate->burst, absl::Seconds(1) / rate->per_second);
  limits::Share share{.tokens = limit.bucket->TakeUpTo(wanted, now)};
  if (share.tokens == 0) share.next_token = limit.bucket->UntilNext(now);
  return share;
}

void MemorySharedLimits::CoolDown(const std::string& name, absl::Duration duration) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  Limit& limit = limits_[name];
  limit.cool_until = std::max(limit.cool_until, now + std::min(duration, kLongestCoolDown));
}

}  // namespace tokenbroker::storage
