// Waiting times that grow and scatter.
#pragma once

#include <algorithm>

#include "absl/time/time.h"
#include "base/random.h"

namespace tokenbroker {

// Doubles from `initial` to `max`; each time is uniform between half of that and all of it.
// Thread-compatible.
class Backoff {
 public:
  Backoff(absl::Duration initial, absl::Duration max) : initial_(initial), max_(max) {}

  absl::Duration Next() {
    const absl::Duration ceiling = next_;
    next_ = std::min(2 * next_, max_);
    return ceiling * (0.5 + 0.5 * RandomFraction());
  }
  void Reset() { next_ = initial_; }

 private:
  const absl::Duration initial_;
  const absl::Duration max_;
  absl::Duration next_ = initial_;
};

}  // namespace tokenbroker
