// Where time comes from, so that tests can move it.
#pragma once

#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace tokenbroker {

// Thread-safe.
class Clock {
 public:
  virtual ~Clock() = default;
  // Wall clock, UTC: to compare with `exp`, `iat` and stored instants.
  virtual absl::Time Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  absl::Time Now() const override { return absl::Now(); }
};

}  // namespace tokenbroker
