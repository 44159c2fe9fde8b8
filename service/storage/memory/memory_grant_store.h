// The embedded default: everything in this process, gone when it ends, not shared with replicas.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "grants/grant_store.h"
#include "limits/limit_store.h"
#include "storage/memory/memory_authorizations.h"
#include "storage/memory/memory_grants.h"
#include "storage/memory/memory_revocations.h"
#include "storage/memory/memory_shared_limits.h"
#include "storage/memory/memory_token_ids.h"

namespace tokenbroker::storage {

// How much the store takes before it answers LIMIT_REACHED (metadata `limit`:
// `pending_authorizations`, `grants`), tombstones included.
struct MemoryLimits {
  std::size_t pending_authorizations = 100'000;
  std::size_t grants = 1'000'000;
  std::size_t token_ids = 1'000'000;
  std::size_t revocations = 100'000;
};

// Thread-safe. No method ever suspends or fails with STORE_UNAVAILABLE, and what has run out is
// dropped at the next call. The observer is called before the change returns, never under a lock.
class MemoryGrantStore final : public grants::GrantStore, public limits::LimitStore {
 public:
  // Borrows `clock`, which must outlive the store.
  explicit MemoryGrantStore(const Clock& clock, const MemoryLimits& limits = {});

  StatusTask PutAuthorization(Secret state, grants::PendingAuthorization pending) override;
  Task<grants::PendingAuthorization> FindAuthorization(Secret state) override;
  Task<grants::ClaimedAuthorization> ClaimAuthorization(Secret state,
                                                        std::string callback_digest) override;
  StatusTask FinishAuthorization(Secret state, grants::CallbackOutcome outcome) override;
  StatusTask SpendAuthorization(Secret state) override;
  Task<std::size_t> CountAuthorizations(std::string caller) override;

  StatusTask CreateGrant(grants::Grant grant) override;
  Task<grants::Grant> FindGrant(std::string grant_id) override;
  StatusTask CommitGrant(grants::GrantCommit commit) override;
  Task<grants::Grant> EndGrant(std::string grant_id, grants::GrantState state, std::string because,
                               absl::Duration tombstone_lifetime) override;
  StatusTask TouchGrant(std::string grant_id, absl::Time when) override;
  Task<grants::GrantPage> ListGrants(grants::GrantFilter filter, std::size_t page_size,
                                     std::string page_token) override;
  // Nothing is sealed here, so all of it is current.
  Task<grants::RewrapPage> RewrapGrants(std::size_t page_size, std::string page_token) override;

  Task<grants::Lease> AcquireLease(std::string grant_id, std::string holder,
                                   absl::Duration lifetime) override;
  Task<grants::LeasedGrant> LeaseGrant(std::string grant_id, std::string holder,
                                       absl::Duration lifetime) override;
  StatusTask RenewLease(grants::Lease lease, absl::Duration lifetime) override;
  StatusTask ReleaseLease(grants::Lease lease) override;

  Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                          absl::Duration visibility) override;
  StatusTask PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when) override;
  StatusTask Schedule(std::string grant_id, absl::Time when) override;
  Task<absl::Time> NextDue() override;
  Task<grants::ScheduleSummary> SummarizeSchedule(absl::Time now) override;

  Task<std::optional<int>> ClaimSlice(absl::Time now, absl::Duration interval) override;
  Task<grants::LookedOver> LookOver(int slice, std::string from, std::size_t limit) override;
  Task<std::size_t> ForgetGone(int slice, std::vector<std::string> gone) override;

  Task<bool> RemembersTokenId(grants::TokenId id) override;
  StatusTask RememberTokenId(grants::TokenId id, absl::Duration lifetime) override;

  Task<limits::Share> TakeShare(std::string name, std::optional<limits::Rate> rate,
                                int wanted) override;
  StatusTask CoolDown(std::string name, absl::Duration duration) override;

  StatusTask PutRevocation(grants::PendingRevocation revocation, absl::Time due,
                           absl::Duration lifetime) override;
  Task<std::vector<grants::PendingRevocation>> ClaimRevocations(absl::Time now, std::size_t limit,
                                                                absl::Duration visibility) override;
  StatusTask DropRevocation(std::string id) override;
  Task<grants::RevocationSummary> SummarizeRevocations() override;

  StatusTask Check() override;
  void Observe(grants::GrantObserver* observer) override;
  std::optional<absl::Time> ChangesSeenSince(const std::string& grant_id) const override;

 private:
  void TellChanged(const std::string& grant_id) const;

  MemoryAuthorizations authorizations_;
  MemoryGrants grants_;
  MemoryTokenIds token_ids_;
  MemorySharedLimits shared_limits_;
  MemoryRevocations revocations_;
  const Clock& clock_;
  grants::GrantObserver* observer_ = nullptr;
  std::optional<absl::Time> seen_since_;
};

}  // namespace tokenbroker::storage
