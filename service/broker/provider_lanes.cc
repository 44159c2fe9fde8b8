#include "broker/provider_lanes.h"

#include <algorithm>

#include "base/random.h"

namespace tokenbroker::broker {
namespace {

constexpr absl::Duration kSoonest = absl::Milliseconds(200);
// What is known of a lane gets old, so nobody is sent away for longer. Not for less either: a line
// of a million is looked through in that time, again and again.
constexpr absl::Duration kLongestCooling = absl::Minutes(5);
constexpr absl::Duration kLongestRest = absl::Minutes(1);

}  // namespace

bool ProviderLanes::Enter(const std::string& provider, absl::Time now) {
  const MutexLock lock(mutex_);
  Lane& lane = lanes_[provider];
  const int free = bounds_.in_all - inside_;
  const int share = providers_ > 1 ? std::max(free, 1) : bounds_.in_all;
  if (free <= 0 || lane.inside >= std::min(bounds_.per_provider, share)) return false;
  if (now < lane.resting_until) return false;
  ++lane.inside;
  ++inside_;
  return true;
}

void ProviderLanes::Leave(const std::string& provider, absl::Duration took) {
  const MutexLock lock(mutex_);
  Lane& lane = lanes_[provider];
  --lane.inside;
  --inside_;
  lane.usually_takes += (std::max(took, absl::ZeroDuration()) - lane.usually_takes) / 8;
}

absl::Time ProviderLanes::ComeAgain(const std::string& provider, absl::Time now) {
  const MutexLock lock(mutex_);
  Lane& lane = lanes_[provider];
  const absl::Time soonest = std::max(now + kSoonest, lane.resting_until);
  const absl::Duration spacing = lane.usually_takes / std::max(bounds_.per_provider, 1);
  const absl::Time next = std::max(lane.last_told, soonest) + spacing;
  if (next <= now + kLongestCooling) {
    lane.last_told = next;
    return next;
  }
  // The line is longer than it makes sense to plan: somewhere in the second half of it.
  return std::max(soonest, now + kLongestCooling * (0.5 + RandomFraction() / 2));
}

void ProviderLanes::Rest(const std::string& provider, absl::Time now, absl::Time until) {
  const MutexLock lock(mutex_);
  Lane& lane = lanes_[provider];
  lane.resting_until = std::max(lane.resting_until, std::min(until, now + kLongestRest));
}

int ProviderLanes::in_all() const {
  const MutexLock lock(mutex_);
  return inside_;
}

std::map<std::string, int> ProviderLanes::by_provider() const {
  const MutexLock lock(mutex_);
  std::map<std::string, int> inside;
  for (const auto& [provider, lane] : lanes_) inside[provider] = lane.inside;
  return inside;
}

}  // namespace tokenbroker::broker
