// Grants, their leases and their schedule in this process's memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "grants/grant_store.h"
#include "grants/hmac.h"
#include "grants/seal.h"
#include "storage/memory/grant_index.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with grants; see there. Thread-safe, never waits.
class MemoryGrants {
 public:
  // Borrows `clock`. Holds at most `limit` at a time, tombstones included.
  MemoryGrants(const Clock& clock, std::size_t limit);

  // Errors besides those of the interface: LIMIT_REACHED, metadata `limit`.
  absl::Status Create(grants::Grant grant);
  absl::StatusOr<grants::Grant> Find(const std::string& grant_id) const;
  absl::Status Commit(grants::GrantCommit commit);
  absl::StatusOr<grants::Grant> End(const std::string& grant_id, grants::GrantState state,
                                    std::string because, absl::Duration tombstone_lifetime);
  void Touch(const std::string& grant_id, absl::Time when);
  absl::StatusOr<grants::GrantPage> List(const grants::GrantFilter& filter, std::size_t page_size,
                                         const std::string& page_token) const;

  absl::StatusOr<grants::Lease> AcquireLease(const std::string& grant_id, std::string holder,
                                             absl::Duration lifetime);
  absl::StatusOr<grants::LeasedGrant> LeaseGrant(const std::string& grant_id, std::string holder,
                                                 absl::Duration lifetime);
  absl::Status RenewLease(const grants::Lease& lease, absl::Duration lifetime);
  void ReleaseLease(const grants::Lease& lease);

  std::vector<std::string> ClaimDue(absl::Time now, std::size_t limit, absl::Duration visibility);
  void PutBack(const std::string& grant_id, absl::Time hidden_until, absl::Time when);
  void Schedule(const std::string& grant_id, absl::Time when);
  absl::Time NextDue() const;
  grants::ScheduleSummary SummarizeSchedule(absl::Time now) const;

  // All grants are one slice, and none leaves anything behind.
  std::optional<int> ClaimSlice(absl::Time now, absl::Duration interval);
  grants::LookedOver LookOver(const std::string& from, std::size_t limit) const;

 private:
  struct HeldLease {
    std::string holder;
    absl::Time ends_at;
  };
  struct Entry {
    grants::Grant grant;
    std::string last_change;  // see NameOfChange
    std::uint64_t fence = 0;  // of the last lease given
    std::optional<HeldLease> lease;
    std::optional<absl::Time> due_at;
    absl::Time gone_at;  // with the record's end, or the tombstone's
  };
  using Times = std::set<std::pair<absl::Time, std::string>>;

  Entry* FindLive(const std::string& grant_id) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<grants::Lease> GiveLease(Entry& entry, std::string holder, absl::Duration lifetime)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  bool Holds(const Entry& entry, const grants::Lease& lease) const
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetDue(Entry& entry, std::optional<absl::Time> when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void SetGone(Entry& entry, absl::Time when) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Sweep() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  // Constant after construction.
  const Clock& clock_;
  const std::size_t limit_;
  const grants::KeyedHash hash_;
  const grants::KeyRing page_tokens_;

  mutable Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ ABSL_GUARDED_BY(mutex_);
  GrantIndex index_ ABSL_GUARDED_BY(mutex_);
  Times due_ ABSL_GUARDED_BY(mutex_);
  Times gone_ ABSL_GUARDED_BY(mutex_);
  absl::Time walked_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace tokenbroker::storage
