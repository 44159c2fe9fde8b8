// Pending authorizations in this process's memory.
#pragma once

#include <cstddef>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "grants/grant_store.h"
#include "grants/hmac.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with `state`; see there. Thread-safe, never waits.
class MemoryAuthorizations {
 public:
  // Borrows `clock`. Holds at most `limit` at a time.
  MemoryAuthorizations(const Clock& clock, std::size_t limit);

  // Errors besides those of the interface: LIMIT_REACHED, metadata `limit`.
  absl::Status Put(const Secret& state, grants::PendingAuthorization pending);
  absl::StatusOr<grants::PendingAuthorization> Find(const Secret& state) const;
  absl::StatusOr<grants::ClaimedAuthorization> Claim(const Secret& state,
                                                     const std::string& callback_digest);
  absl::Status Finish(const Secret& state, grants::CallbackOutcome outcome);
  absl::Status Spend(const Secret& state);
  std::size_t Count(const std::string& caller);

 private:
  struct Entry {
    grants::PendingAuthorization pending;
    std::optional<std::string> claimed_by;  // digest of the callback
    std::optional<grants::CallbackOutcome> outcome;
  };

  // What stands for a state in the map: looking it up takes no time that tells of the state.
  std::string NameOf(const Secret& state) const { return hash_.Of("state", {state.Reveal()}); }

  Entry* FindLive(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Erase(const std::string& name) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void CountOneLess(const Entry& entry) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const Clock& clock_;
  const std::size_t limit_;
  const grants::KeyedHash hash_;

  mutable Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  std::set<std::pair<absl::Time, std::string>> by_expiry_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::size_t> open_by_caller_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::storage
