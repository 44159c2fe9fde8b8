#include "broker/pause.h"

#include <algorithm>

#include "asio/experimental/as_tuple.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "base/random.h"

namespace tokenbroker::broker {

asio::awaitable<void> Pause(absl::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(duration));
  constexpr auto kErrorsAsValues = asio::experimental::as_tuple(asio::use_awaitable);
  co_await timer.async_wait(kErrorsAsValues);
}

absl::Duration Backoff::Next() {
  const absl::Duration step = next_;
  next_ = std::min(2 * next_, most_);
  return step / 2 + step / 2 * RandomFraction();
}

}  // namespace tokenbroker::broker
