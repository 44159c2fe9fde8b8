// After a failure: how long to leave the other side alone, and what to answer meanwhile.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tokenbroker::provider {

// The shortest and the longest that a failure is remembered.
inline constexpr absl::Duration kMinBackOff = absl::Milliseconds(250);
inline constexpr absl::Duration kMaxBackOff = absl::Seconds(30);

// Thread-compatible.
class BackOff {
 public:
  // Remembers `failure` for the RetryInfo that it has, or kMinBackOff, and any part of a step
  // beyond that (full jitter): of 1 s, doubled with each failure in a row; kMaxBackOff in all.
  // Returns it with RetryInfo of that time.
  absl::Status Failed(absl::Status failure, absl::Time now);
  void Succeeded();

  // The remembered failure, with RetryInfo of what is left of the wait; nothing once that is over.
  std::optional<absl::Status> Blocked(absl::Time now) const;
  // When that wait is over; nothing where it is.
  std::optional<absl::Time> BlockedUntil(absl::Time now) const;

 private:
  int failures_ = 0;
  absl::Status last_failure_;
  absl::Time retry_at_ = absl::InfinitePast();
};

}  // namespace tokenbroker::provider
