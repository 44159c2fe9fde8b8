#include "storage/memory/memory_grant_store.h"

#include <utility>

#include "base/status_macros.h"

namespace tokenbroker::storage {

using grants::CallbackOutcome;
using grants::ClaimedAuthorization;
using grants::Grant;
using grants::GrantCommit;
using grants::GrantFilter;
using grants::GrantPage;
using grants::GrantState;
using grants::Lease;
using grants::LeasedGrant;
using grants::LookedOver;
using grants::PendingAuthorization;
using grants::PendingRevocation;
using grants::ScheduleSummary;
using grants::TokenId;

MemoryGrantStore::MemoryGrantStore(const Clock& clock, const MemoryLimits& limits)
    : authorizations_(clock, limits.pending_authorizations),
      grants_(clock, limits.grants),
      token_ids_(clock, limits.token_ids),
      shared_limits_(clock),
      revocations_(clock, limits.revocations),
      clock_(clock) {}

StatusTask MemoryGrantStore::PutAuthorization(Secret state, PendingAuthorization pending) {
  co_return authorizations_.Put(state, std::move(pending));
}

Task<PendingAuthorization> MemoryGrantStore::FindAuthorization(Secret state) {
  co_return authorizations_.Find(state);
}

Task<ClaimedAuthorization> MemoryGrantStore::ClaimAuthorization(Secret state,
                                                                std::string callback_digest) {
  co_return authorizations_.Claim(state, callback_digest);
}

StatusTask MemoryGrantStore::FinishAuthorization(Secret state, CallbackOutcome outcome) {
  co_return authorizations_.Finish(state, std::move(outcome));
}

StatusTask MemoryGrantStore::SpendAuthorization(Secret state) {
  co_return authorizations_.Spend(state);
}

Task<std::size_t> MemoryGrantStore::CountAuthorizations(std::string caller) {
  co_return authorizations_.Count(caller);
}

StatusTask MemoryGrantStore::CreateGrant(Grant grant) {
  const std::string id = grant.id;
  absl::Status created = grants_.Create(std::move(grant));
  if (created.ok()) TellChanged(id);
  co_return created;
}

Task<Grant> MemoryGrantStore::FindGrant(std::string grant_id) { co_return grants_.Find(grant_id); }

StatusTask MemoryGrantStore::CommitGrant(GrantCommit commit) {
  const std::string id = commit.grant.id;
  absl::Status committed = grants_.Commit(std::move(commit));
  if (committed.ok()) TellChanged(id);
  co_return committed;
}

Task<Grant> MemoryGrantStore::EndGrant(std::string grant_id, GrantState state, std::string because,
                                       absl::Duration tombstone_lifetime) {
  absl::StatusOr<Grant> ended =
      grants_.End(grant_id, state, std::move(because), tombstone_lifetime);
  if (ended.ok()) TellChanged(grant_id);
  co_return ended;
}

StatusTask MemoryGrantStore::TouchGrant(std::string grant_id, absl::Time when) {
  grants_.Touch(grant_id, when);
  co_return absl::OkStatus();
}

Task<GrantPage> MemoryGrantStore::ListGrants(GrantFilter filter, std::size_t page_size,
                                             std::string page_token) {
  co_return grants_.List(filter, page_size, page_token);
}

Task<grants::RewrapPage> MemoryGrantStore::RewrapGrants(std::size_t page_size,
                                                        std::string page_token) {
  CO_ASSIGN_OR_RETURN(const GrantPage page, grants_.List({}, page_size, page_token));
  co_return grants::RewrapPage{.current = page.grants.size(),
                               .next_page_token = page.next_page_token};
}

Task<Lease> MemoryGrantStore::AcquireLease(std::string grant_id, std::string holder,
                                           absl::Duration lifetime) {
  co_return grants_.AcquireLease(grant_id, std::move(holder), lifetime);
}

Task<LeasedGrant> MemoryGrantStore::LeaseGrant(std::string grant_id, std::string holder,
                                               absl::Duration lifetime) {
  co_return grants_.LeaseGrant(grant_id, std::move(holder), lifetime);
}

StatusTask MemoryGrantStore::RenewLease(Lease lease, absl::Duration lifetime) {
  co_return grants_.RenewLease(lease, lifetime);
}

StatusTask MemoryGrantStore::ReleaseLease(Lease lease) {
  grants_.ReleaseLease(lease);
  co_return absl::OkStatus();
}

Task<std::vector<std::string>> MemoryGrantStore::ClaimDue(absl::Time now, std::size_t limit,
                                                          absl::Duration visibility) {
  co_return grants_.ClaimDue(now, limit, visibility);
}

StatusTask MemoryGrantStore::PutBack(std::string grant_id, absl::Time hidden_until,
                                     absl::Time when) {
  grants_.PutBack(grant_id, hidden_until, when);
  co_return absl::OkStatus();
}

StatusTask MemoryGrantStore::Schedule(std::string grant_id, absl::Time when) {
  grants_.Schedule(grant_id, when);
  co_return absl::OkStatus();
}

Task<absl::Time> MemoryGrantStore::NextDue() { co_return grants_.NextDue(); }

Task<ScheduleSummary> MemoryGrantStore::SummarizeSchedule(absl::Time now) {
  co_return grants_.SummarizeSchedule(now);
}

Task<std::optional<int>> MemoryGrantStore::ClaimSlice(absl::Time now, absl::Duration interval) {
  co_return grants_.ClaimSlice(now, interval);
}

Task<LookedOver> MemoryGrantStore::LookOver(int, std::string from, std::size_t limit) {
  co_return grants_.LookOver(from, limit);
}

Task<std::size_t> MemoryGrantStore::ForgetGone(int, std::vector<std::string>) {
  co_return std::size_t{0};
}

Task<bool> MemoryGrantStore::RemembersTokenId(TokenId id) { co_return token_ids_.Remembers(id); }

StatusTask MemoryGrantStore::RememberTokenId(TokenId id, absl::Duration lifetime) {
  co_return token_ids_.Remember(id, lifetime);
}

Task<limits::Share> MemoryGrantStore::TakeShare(std::string name, std::optional<limits::Rate> rate,
                                                int wanted) {
  co_return shared_limits_.TakeShare(name, rate, wanted);
}

StatusTask MemoryGrantStore::CoolDown(std::string name, absl::Duration duration) {
  shared_limits_.CoolDown(name, duration);
  co_return absl::OkStatus();
}

StatusTask MemoryGrantStore::PutRevocation(PendingRevocation revocation, absl::Time due,
                                           absl::Duration lifetime) {
  co_return revocations_.Put(std::move(revocation), due, lifetime);
}

Task<std::vector<PendingRevocation>> MemoryGrantStore::ClaimRevocations(absl::Time now,
                                                                        std::size_t limit,
                                                                        absl::Duration visibility) {
  co_return revocations_.Claim(now, limit, visibility);
}

StatusTask MemoryGrantStore::DropRevocation(std::string id) {
  revocations_.Drop(id);
  co_return absl::OkStatus();
}

Task<grants::RevocationSummary> MemoryGrantStore::SummarizeRevocations() {
  co_return revocations_.Summarize();
}

StatusTask MemoryGrantStore::Check() { co_return absl::OkStatus(); }

void MemoryGrantStore::Observe(grants::GrantObserver* observer) {
  observer_ = observer;
  seen_since_.reset();
  if (observer_ == nullptr) return;
  seen_since_ = clock_.Now();
  observer_->OnChangesSeenAgain();
}

std::optional<absl::Time> MemoryGrantStore::ChangesSeenSince(const std::string&) const {
  return seen_since_;
}

void MemoryGrantStore::TellChanged(const std::string& grant_id) const {
  if (observer_ != nullptr) observer_->OnGrantChanged(grant_id);
}

}  // namespace tokenbroker::storage
