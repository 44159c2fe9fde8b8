// What replicas share of a limit: how often all of them together may do something, and until when
// none of them may. The stores implement it beside grants::GrantStore.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/task.h"

namespace tokenbroker::limits {

// How often all replicas together may do something.
struct Rate {
  double per_second = 1;  // positive
  int burst = 1;          // at once; at least 1
};

// What a replica got.
struct Share {
  int tokens = 0;  // how many times it may do it; they are taken, used or not
  // Where it got none: how long until there is one, or what is left of a cool-down.
  absl::Duration next_token = absl::ZeroDuration();
  absl::Duration cool_down = absl::ZeroDuration();
};

// Thread-safe. Limits are found by name; one that nobody has used lately is full and costs nothing.
// Time is the store's own, and only durations go over the wire: replicas whose clocks differ would
// otherwise fill the bucket by the fastest of them. Every method may fail with STORE_UNAVAILABLE
// and RECORD_UNREADABLE. Suspends: one round trip to the store.
class LimitStore {
 public:
  virtual ~LimitStore() = default;

  // Takes up to `wanted` tokens from the bucket `name`; 0 only asks for the cool-down. Without a
  // `rate` there is no bucket and all that is wanted is given. None is given in a cool-down. A call
  // whose answer was lost may have taken its tokens: they are missing, never there twice.
  virtual Task<Share> TakeShare(std::string name, std::optional<Rate> rate, int wanted) = 0;

  // Nobody gets a token of `name` for `duration` from now, an hour at most; where that is longer,
  // as long as was said before.
  virtual StatusTask CoolDown(std::string name, absl::Duration duration) = 0;
};

}  // namespace tokenbroker::limits
