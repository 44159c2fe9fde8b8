#include "broker/pause.h"

#include <algorithm>

#include "asio/error_code.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "base/random.h"

namespace tokenbroker::broker {

asio::awaitable<void> Pause(absl::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(duration));
  asio::error_code ignored;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
}

absl::Duration Backoff::Next() {
  const absl::Duration step = next_;
  next_ = std::min(2 * next_, most_);
  return step / 2 + step / 2 * RandomFraction();
}

}  // namespace tokenbroker::broker
