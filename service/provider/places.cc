#include "provider/places.h"

#include <utility>

#include "base/error.h"

namespace tokenbroker::provider {
namespace {

absl::Status Full() {
  return WithRetryAfter(Error(Reason::kLimitReached, {{"limit", "provider_requests"}}),
                        absl::Seconds(1));
}

}  // namespace

std::shared_ptr<Places> Places::Create(const Clock& clock, int max_in_flight, int max_queued) {
  return std::shared_ptr<Places>(new Places(clock, max_in_flight, max_queued));
}

Task<std::shared_ptr<Places::Held>> Places::Take(Urgency urgency, absl::Time deadline) {
  return TakeFrom(shared_from_this(), std::move(urgency), deadline);
}

Task<std::shared_ptr<Places::Held>> Places::TakeFrom(std::shared_ptr<Places> self, Urgency urgency,
                                                     absl::Time deadline) {
  auto waiter = std::make_shared<Waiter<bool>>();
  if (self->TakeOrJoin(waiter, urgency)) co_return std::make_shared<Held>(std::move(self));
  const absl::StatusOr<bool> let_in = co_await AwaitSettled(waiter, deadline - self->clock_.Now());
  if (let_in.ok()) co_return std::make_shared<Held>(std::move(self));
  self->Leave(waiter);
  co_return HasReason(let_in.status(), Reason::kDeadlineExceeded) ? Full() : let_in.status();
}

bool Places::TakeOrJoin(const WaitingLine::Place& waiter, const Urgency& urgency) {
  WaitingLine::Place refused;
  {
    const MutexLock lock(mutex_);
    if (in_flight_ < max_in_flight_) {
      ++in_flight_;
      return true;
    }
    refused = line_.Join(waiter, urgency);
  }
  if (refused) refused->Settle(Full());
  return false;
}

void Places::Leave(const WaitingLine::Place& waiter) {
  const MutexLock lock(mutex_);
  line_.Leave(waiter);
}

void Places::GiveBack() {
  // Some may have given up between being chosen and being told.
  WaitingLine::Place next = NextOrFree();
  while (next && !next->Settle(true)) next = NextOrFree();
}

WaitingLine::Place Places::NextOrFree() {
  const MutexLock lock(mutex_);
  WaitingLine::Place next = line_.Next();
  if (!next) --in_flight_;
  return next;
}

int Places::in_flight() const {
  const MutexLock lock(mutex_);
  return in_flight_;
}

std::array<int, kPriorities> Places::queued() const {
  const MutexLock lock(mutex_);
  return line_.sizes();
}

}  // namespace tokenbroker::provider
