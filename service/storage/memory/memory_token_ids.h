// The tokens that have counted once, in this process's memory.
#pragma once

#include <cstddef>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "grants/grant_store.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with `jti`; see there. Thread-safe, never waits.
class MemoryTokenIds {
 public:
  // Borrows `clock`. Holds at most `limit` at a time.
  MemoryTokenIds(const Clock& clock, std::size_t limit) : clock_(clock), limit_(limit) {}

  bool Remembers(const grants::TokenId& id) ABSL_LOCKS_EXCLUDED(mutex_);
  // Errors: LIMIT_REACHED, metadata `limit`.
  absl::Status Remember(const grants::TokenId& id, absl::Duration lifetime)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const Clock& clock_;
  const std::size_t limit_;

  Mutex mutex_;
  std::map<std::string, absl::Time> ends_ ABSL_GUARDED_BY(mutex_);  // by name
  std::set<std::pair<absl::Time, std::string>> by_end_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::storage
