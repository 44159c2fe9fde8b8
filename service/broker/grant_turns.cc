#include "broker/grant_turns.h"

#include <algorithm>

#include "asio/this_coro.hpp"
#include "base/error.h"

namespace tokenbroker::broker {

Task<GrantTurns::Turn> GrantTurns::Take(std::string grant_id, absl::Duration patience) {
  auto waiter = std::make_shared<Waiter>();
  waiter->wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
  if (!Join(grant_id, waiter)) {
    co_await waiter->wake_up->Wait(patience);
    if (!Leave(grant_id, waiter)) {
      co_return WithRetryAfter(Error(Reason::kLeaseHeld), absl::Seconds(1));
    }
  }
  co_return Turn(this, std::move(grant_id));
}

std::optional<GrantTurns::Turn> GrantTurns::TryTake(std::string grant_id) {
  const MutexLock lock(mutex_);
  if (!lines_.try_emplace(grant_id).second) return std::nullopt;
  return Turn(this, std::move(grant_id));
}

bool GrantTurns::Join(const std::string& grant_id, std::shared_ptr<Waiter> waiter) {
  const MutexLock lock(mutex_);
  const auto [line, is_free] = lines_.try_emplace(grant_id);
  if (!is_free) line->second.push_back(std::move(waiter));
  return is_free;
}

bool GrantTurns::Leave(const std::string& grant_id, const std::shared_ptr<Waiter>& waiter) {
  const MutexLock lock(mutex_);
  if (waiter->has_turn) return true;
  std::erase(lines_[grant_id], waiter);
  return false;
}

void GrantTurns::End(const std::string& grant_id) {
  const MutexLock lock(mutex_);
  const auto line = lines_.find(grant_id);
  if (line->second.empty()) {
    lines_.erase(line);
    return;
  }
  const std::shared_ptr<Waiter> next = std::move(line->second.front());
  line->second.pop_front();
  next->has_turn = true;
  next->wake_up->Wake();
}

}  // namespace tokenbroker::broker
