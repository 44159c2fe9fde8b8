#include "net/wake_up.h"

#include <algorithm>

#include "asio/error_code.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"

namespace tokenbroker {

void WakeUp::Wake() {
  asio::post(timer_.get_executor(), [self = shared_from_this()] {
    self->woken_ = true;
    self->timer_.cancel();
  });
}

asio::awaitable<void> WakeUp::Wait(absl::Duration limit) {
  if (!woken_ && limit > absl::ZeroDuration()) {
    // A year is for ever, and fits into every clock.
    timer_.expires_after(absl::ToChronoNanoseconds(std::min(limit, absl::Hours(24 * 365))));
    asio::error_code ignored;
    co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
  }
  woken_ = false;
}

}  // namespace tokenbroker
