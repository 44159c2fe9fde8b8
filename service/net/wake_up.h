// How one coroutine waits until somebody has news for it.
//
//   const auto wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
//   // hand a copy to whoever may call wake_up->Wake(), then:
//   while (!HasWhatItNeeds()) co_await wake_up->Wait(absl::Seconds(1));
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/steady_timer.hpp"

namespace tokenbroker {

// For one waiter at a time, which is a coroutine on `executor`.
class WakeUp : public std::enable_shared_from_this<WakeUp> {
 public:
  // `executor` is a strand, the waiter's own.
  explicit WakeUp(const asio::any_io_executor& executor) : timer_(executor) {}

  // Ends the Wait that there is, or else the next one at once. Never blocks and never runs the
  // waiter inline. From any thread.
  void Wake();

  // Suspends until woken since the last time, until `limit` has passed, or until cancelled; which
  // it was, the waiter finds out by looking at what it waits for. A waiter that was cancelled
  // before it came here is not told again.
  asio::awaitable<void> Wait(absl::Duration limit = absl::InfiniteDuration());

 private:
  // On the executor.
  asio::steady_timer timer_;
  bool woken_ = false;
};

}  // namespace tokenbroker
