// Counts what is asked of a store, and how long the answers take; a span each, where traces are
// recorded.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/error.h"
#include "base/trace.h"
#include "grants/grant_store.h"
#include "telemetry/metrics.h"

namespace tokenbroker::storage {

// Thread-safe. Passes everything on.
class MeasuredGrantStore final : public grants::GrantStore {
 public:
  // Shares `inner`; borrows the rest.
  MeasuredGrantStore(std::shared_ptr<grants::GrantStore> inner, telemetry::Metrics& metrics,
                     const Clock& clock)
      : inner_(std::move(inner)), metrics_(metrics), clock_(clock) {}

  StatusTask PutAuthorization(Secret state, grants::PendingAuthorization pending) override {
    return Timed("put_authorization",
                 inner_->PutAuthorization(std::move(state), std::move(pending)));
  }
  Task<grants::PendingAuthorization> FindAuthorization(Secret state) override {
    return Timed("find_authorization", inner_->FindAuthorization(std::move(state)));
  }
  Task<grants::ClaimedAuthorization> ClaimAuthorization(Secret state,
                                                        std::string callback_digest) override {
    return Timed("claim_authorization",
                 inner_->ClaimAuthorization(std::move(state), std::move(callback_digest)));
  }
  StatusTask FinishAuthorization(Secret state, grants::CallbackOutcome outcome) override {
    return Timed("finish_authorization",
                 inner_->FinishAuthorization(std::move(state), std::move(outcome)));
  }
  StatusTask SpendAuthorization(Secret state) override {
    return Timed("spend_authorization", inner_->SpendAuthorization(std::move(state)));
  }
  Task<std::size_t> CountAuthorizations(std::string caller) override {
    return Timed("count_authorizations", inner_->CountAuthorizations(std::move(caller)));
  }

  StatusTask CreateGrant(grants::Grant grant) override {
    return Timed("create_grant", inner_->CreateGrant(std::move(grant)));
  }
  Task<grants::Grant> FindGrant(std::string grant_id) override {
    return Timed("find_grant", inner_->FindGrant(std::move(grant_id)));
  }
  StatusTask CommitGrant(grants::GrantCommit commit) override {
    return Timed("commit_grant", inner_->CommitGrant(std::move(commit)));
  }
  Task<grants::Grant> EndGrant(std::string grant_id, grants::GrantState state, std::string because,
                               absl::Duration tombstone_lifetime) override {
    return Timed("end_grant", inner_->EndGrant(std::move(grant_id), state, std::move(because),
                                               tombstone_lifetime));
  }
  StatusTask TouchGrant(std::string grant_id, absl::Time when) override {
    return Timed("touch_grant", inner_->TouchGrant(std::move(grant_id), when));
  }
  Task<grants::GrantPage> ListGrants(grants::GrantFilter filter, std::size_t page_size,
                                     std::string page_token) override {
    return Timed("list_grants",
                 inner_->ListGrants(std::move(filter), page_size, std::move(page_token)));
  }

  Task<grants::Lease> AcquireLease(std::string grant_id, std::string holder,
                                   absl::Duration lifetime) override {
    return Timed("acquire_lease",
                 inner_->AcquireLease(std::move(grant_id), std::move(holder), lifetime));
  }
  Task<grants::LeasedGrant> LeaseGrant(std::string grant_id, std::string holder,
                                       absl::Duration lifetime) override {
    return Timed("acquire_lease",
                 inner_->LeaseGrant(std::move(grant_id), std::move(holder), lifetime));
  }
  StatusTask RenewLease(grants::Lease lease, absl::Duration lifetime) override {
    return Timed("renew_lease", inner_->RenewLease(std::move(lease), lifetime));
  }
  StatusTask ReleaseLease(grants::Lease lease) override {
    return Timed("release_lease", inner_->ReleaseLease(std::move(lease)));
  }

  Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                          absl::Duration visibility) override {
    return Timed("claim_due", inner_->ClaimDue(now, limit, visibility));
  }

  StatusTask PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when) override {
    return Timed("put_back", inner_->PutBack(std::move(grant_id), hidden_until, when));
  }
  StatusTask Schedule(std::string grant_id, absl::Time when) override {
    return Timed("schedule", inner_->Schedule(std::move(grant_id), when));
  }
  Task<absl::Time> NextDue() override { return Timed("next_due", inner_->NextDue()); }
  Task<grants::ScheduleSummary> SummarizeSchedule(absl::Time now) override {
    return Timed("summarize_schedule", inner_->SummarizeSchedule(now));
  }
  Task<std::optional<int>> ClaimSlice(absl::Time now, absl::Duration interval) override {
    return Timed("claim_slice", inner_->ClaimSlice(now, interval));
  }
  Task<grants::LookedOver> LookOver(int slice, std::string from, std::size_t limit) override {
    return Timed("look_over", inner_->LookOver(slice, std::move(from), limit));
  }
  Task<std::size_t> ForgetGone(int slice, std::vector<std::string> gone) override {
    return Timed("forget_gone", inner_->ForgetGone(slice, std::move(gone)));
  }

  Task<grants::RewrapPage> RewrapGrants(std::size_t page_size, std::string page_token) override {
    return Timed("rewrap_grants", inner_->RewrapGrants(page_size, std::move(page_token)));
  }

  Task<bool> RemembersTokenId(grants::TokenId id) override {
    return Timed("remembers_token_id", inner_->RemembersTokenId(std::move(id)));
  }
  StatusTask RememberTokenId(grants::TokenId id, absl::Duration lifetime) override {
    return Timed("remember_token_id", inner_->RememberTokenId(std::move(id), lifetime));
  }

  StatusTask PutRevocation(grants::PendingRevocation revocation, absl::Time due,
                           absl::Duration lifetime) override {
    return Timed("put_revocation", inner_->PutRevocation(std::move(revocation), due, lifetime));
  }
  Task<std::vector<grants::PendingRevocation>> ClaimRevocations(
      absl::Time now, std::size_t limit, absl::Duration visibility) override {
    return Timed("claim_revocations", inner_->ClaimRevocations(now, limit, visibility));
  }
  StatusTask DropRevocation(std::string id) override {
    return Timed("drop_revocation", inner_->DropRevocation(std::move(id)));
  }
  Task<grants::RevocationSummary> SummarizeRevocations() override {
    return Timed("summarize_revocations", inner_->SummarizeRevocations());
  }

  StatusTask Check() override { return Timed("check", inner_->Check()); }
  void Observe(grants::GrantObserver* observer) override { inner_->Observe(observer); }
  std::optional<absl::Time> ChangesSeenSince(const std::string& grant_id) const override {
    return inner_->ChangesSeenSince(grant_id);
  }

 private:
  // The outcome of a request that was made for `trace`, and its end.
  void Note(std::string_view operation, const absl::Status& status, absl::Time began,
            const TracePtr& trace);

  StatusTask Timed(std::string_view operation, StatusTask request);
  template <typename T>
  Task<T> Timed(std::string_view operation, Task<T> request) {
    const TracePtr trace = CurrentTrace();
    const absl::Time began = clock_.Now();
    absl::StatusOr<T> answer = co_await std::move(request);
    Note(operation, answer.status(), began, trace);
    co_return answer;
  }

  const std::shared_ptr<grants::GrantStore> inner_;
  telemetry::Metrics& metrics_;
  const Clock& clock_;
};

}  // namespace tokenbroker::storage
