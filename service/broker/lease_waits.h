// How long refreshes wait for others of the same grant.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "base/clock.h"
#include "telemetry/durations.h"

namespace tokenbroker::broker {

// Thread-safe.
struct LeaseWaits {
  telemetry::DurationCells in_this_replica;     // for the turn
  telemetry::DurationCells in_another_replica;  // for the lease
};

// One wait, told when it goes. Thread-compatible. Borrows both.
class LeaseWait {
 public:
  LeaseWait(telemetry::DurationCells& waits, const Clock& clock) : waits_(waits), clock_(clock) {}
  LeaseWait(const LeaseWait&) = delete;
  LeaseWait& operator=(const LeaseWait&) = delete;
  ~LeaseWait() {
    if (began_) waits_.Add(clock_.Now() - *began_);
  }

  // It has come to waiting. More than once is once.
  void Begin() {
    if (!began_) began_ = clock_.Now();
  }

 private:
  telemetry::DurationCells& waits_;
  const Clock& clock_;
  std::optional<absl::Time> began_;
};

}  // namespace tokenbroker::broker
