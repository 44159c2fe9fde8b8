// The limits of a broker that has no other replicas, in this process's memory.
#pragma once

#include <map>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "limits/limit_store.h"
#include "limits/token_bucket.h"

namespace tokenbroker::storage {

// See limits::LimitStore. Thread-safe, never waits. Names are those of configured endpoints, so
// there are few, and none is ever dropped.
class MemorySharedLimits {
 public:
  // Borrows `clock`.
  explicit MemorySharedLimits(const Clock& clock) : clock_(clock) {}

  limits::Share TakeShare(const std::string& name, const std::optional<limits::Rate>& rate,
                          int wanted) ABSL_LOCKS_EXCLUDED(mutex_);
  void CoolDown(const std::string& name, absl::Duration duration) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Limit {
    std::optional<limits::TokenBucket> bucket;  // made when a rate is first named
    absl::Time cool_until = absl::InfinitePast();
  };

  const Clock& clock_;
  Mutex mutex_;
  std::map<std::string, Limit> limits_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::storage
