// After a failure: how long to leave the other side alone, and what to answer meanwhile.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace tokenbroker::provider {

// The longest that a failure is remembered.
inline constexpr absl::Duration kMaxBackOff = absl::Seconds(30);

// Thread-compatible.
class BackOff {
 public:
  // Remembers `failure` for 1 s, doubled with each failure in a row, or for the RetryInfo that it
  // has, up to kMaxBackOff, with jitter. Returns it with RetryInfo of that time.
  absl::Status Failed(absl::Status failure, absl::Time now);
  void Succeeded();

  // The remembered failure, with RetryInfo of what is left of the wait; nothing once that is over.
  std::optional<absl::Status> Blocked(absl::Time now) const;

 private:
  int failures_ = 0;
  absl::Status last_failure_;
  absl::Time retry_at_ = absl::InfinitePast();
};

}  // namespace tokenbroker::provider
