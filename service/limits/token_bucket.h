// How often something may be done: bursts at once, and a steady rate after.
#pragma once

#include "absl/time/time.h"

namespace tokenbroker::limits {

// Thread-compatible. Starts full.
class TokenBucket {
 public:
  //   burst     how many may be taken at once; at least 1
  //   interval  how long it takes for one to come back; positive
  TokenBucket(int burst, absl::Duration interval);

  // Takes one, if there is one.
  bool Take(absl::Time now) { return TakeUpTo(1, now) == 1; }
  // Takes as many as there are, up to `wanted`, and says how many.
  int TakeUpTo(int wanted, absl::Time now);
  // How long until there is one.
  absl::Duration UntilNext(absl::Time now);
  // Puts one back that turned out well spent.
  void GiveBack();

 private:
  void Refill(absl::Time now);

  const double burst_;
  const absl::Duration interval_;
  double tokens_;
  absl::Time refilled_at_ = absl::InfinitePast();
};

}  // namespace tokenbroker::limits
