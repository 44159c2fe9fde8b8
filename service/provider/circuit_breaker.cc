#include "provider/circuit_breaker.h"

#include <algorithm>

#include "base/random.h"

namespace tokenbroker::provider {
namespace {

// While a probe is under way: about as long as it takes.
constexpr absl::Duration kProbeTime = absl::Seconds(1);

}  // namespace

std::optional<absl::Duration> CircuitBreaker::Blocked(absl::Time now) const {
  if (openings_ == 0) return std::nullopt;
  if (IsOpen(now)) return open_until_ - now;
  return probing_ ? std::optional(kProbeTime) : std::nullopt;
}

CircuitBreaker::Attempt CircuitBreaker::Begin(absl::Time now) {
  if (openings_ > 0 && !IsOpen(now)) probing_ = true;
  return epoch_;
}

void CircuitBreaker::Succeeded(Attempt attempt) {
  if (attempt != epoch_) return;
  failures_ = 0;
  if (openings_ == 0) return;
  openings_ = 0;
  probing_ = false;
  ++epoch_;
}

void CircuitBreaker::Failed(Attempt attempt, absl::Time now) {
  if (attempt != epoch_) return;
  ++failures_;
  if (openings_ > 0 || failures_ >= options_.failures) Open(now);
}

void CircuitBreaker::Abandoned(Attempt attempt) {
  if (attempt == epoch_) probing_ = false;
}

BreakerState CircuitBreaker::state(absl::Time now) const {
  if (openings_ == 0) return BreakerState::kClosed;
  return IsOpen(now) ? BreakerState::kOpen : BreakerState::kHalfOpen;
}

std::optional<absl::Time> CircuitBreaker::open_until(absl::Time now) const {
  return openings_ > 0 && IsOpen(now) ? std::optional(open_until_) : std::nullopt;
}

bool CircuitBreaker::IsOpen(absl::Time now) const {
  // More than the longest is left only where the wall clock was set back.
  return now < open_until_ && open_until_ - now <= options_.open_for_at_most;
}

void CircuitBreaker::Open(absl::Time now) {
  constexpr int kDoublings = 20;
  absl::Duration wait = options_.open_for * (1 << std::min(openings_++, kDoublings));
  wait = std::min(wait, options_.open_for_at_most);
  open_until_ = now + wait * (0.5 + 0.5 * RandomFraction());
  probing_ = false;
  ++epoch_;
}

}  // namespace tokenbroker::provider
