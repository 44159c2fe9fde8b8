// Waiting inside a coroutine, for back-off.
#pragma once

#include "absl/time/time.h"
#include "asio/awaitable.hpp"

namespace tokenbroker::broker {

// Resumes after `duration` of real time, or at once when the coroutine is cancelled.
asio::awaitable<void> Pause(absl::Duration duration);

// Delays that double from `first` to `most`, each drawn from the upper half of its step so that
// replicas do not march in step.
class Backoff {
 public:
  Backoff(absl::Duration first, absl::Duration most) : first_(first), next_(first), most_(most) {}
  absl::Duration Next();
  // Begins with `first` again.
  void Reset() { next_ = first_; }

 private:
  const absl::Duration first_;
  absl::Duration next_;
  const absl::Duration most_;
};

}  // namespace tokenbroker::broker
