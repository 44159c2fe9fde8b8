// Revocations that the provider has not confirmed, in this process's memory.
#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "grants/grant_store.h"
#include "grants/pending_revocation.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with revocations; see there. Thread-safe, never
// waits.
class MemoryRevocations {
 public:
  // Borrows `clock`. Holds at most `limit` at a time.
  MemoryRevocations(const Clock& clock, std::size_t limit) : clock_(clock), limit_(limit) {}

  // Errors: LIMIT_REACHED, metadata `limit`.
  absl::Status Put(grants::PendingRevocation revocation, absl::Time due, absl::Duration lifetime)
      ABSL_LOCKS_EXCLUDED(mutex_);
  std::vector<grants::PendingRevocation> Claim(absl::Time now, std::size_t limit,
                                               absl::Duration visibility)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void Drop(const std::string& id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Costs more with their number.
  grants::RevocationSummary Summarize() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Entry {
    grants::PendingRevocation revocation;
    absl::Time due;
    absl::Time gone_at;
  };

  // Constant after construction.
  const Clock& clock_;
  const std::size_t limit_;

  Mutex mutex_;
  std::map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);  // by id
};

}  // namespace tokenbroker::storage
