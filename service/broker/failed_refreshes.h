// Refreshes that failed a moment ago: who asks again so soon gets the same answer, and the provider
// no request.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "provider/back_off.h"

namespace tokenbroker::broker {

// By grant and selection, for this replica: a thousand callers of one grant cost one request, and
// then one each time that the back-off (provider/back_off.h) is over. Only failures that the
// provider answered with are kept. What never left is for the provider's limits and its breaker to
// hold back, which know that a caller goes before the schedule; where the outcome is unknown the
// intent in the record says when the refresh token may leave again; and a lost store or lease is no
// fault of the grant. Thread-safe.
class FailedRefreshes {
 public:
  // Of more than `most` at a time, those whose wait is over are dropped, then any.
  explicit FailedRefreshes(std::size_t most) : most_(most) {}

  // The failure, with RetryInfo of what is left of the wait if it had one; nothing where a refresh
  // may be tried.
  std::optional<absl::Status> Find(const std::string& key, absl::Time now) const
      ABSL_LOCKS_EXCLUDED(mutex_);

  // What came of a refresh.
  void Landed(const std::string& key, const absl::Status& outcome, absl::Time now)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void MakeRoom(absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  struct Failure {
    absl::Status status;
    provider::BackOff back_off;
  };

  const std::size_t most_;
  mutable Mutex mutex_;
  std::map<std::string, Failure> failed_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::broker
