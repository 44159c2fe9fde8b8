// A store that fails at the N-th call, before or after the call took effect.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "base/error.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Wraps any store. Thread-safe where the wrapped one is.
class FaultyGrantStore final : public grants::GrantStore {
 public:
  explicit FaultyGrantStore(grants::GrantStore& inner) : inner_(&inner) {}

  // `kLost` is the worse one: the change happened, the answer did not come.
  enum class Fault { kRefused, kLost };
  // Calls `first` to `first + count - 1` from now on fail.
  void FailCalls(int first, int count, Fault fault) {
    calls_ = 0;
    first_ = first;
    count_ = count;
    fault_ = fault;
  }
  // What happens around commits from now on, on the thread that commits: `before` one that has not
  // been made, `after` one that has. An error is what its maker gets; that of `before` also keeps
  // it from being made. Not to be set while commits are under way.
  using OnCommit = std::function<absl::Status(const grants::GrantCommit&)>;
  void OnCommits(OnCommit before, OnCommit after) {
    before_commit_ = std::move(before);
    after_commit_ = std::move(after);
  }
  // So many grants of every page cannot be read.
  void set_unreadable(std::size_t count) { unreadable_ = count; }
  int calls() const { return calls_; }
  // How often a lease was asked for, and how often one was renewed.
  int acquisitions() const { return acquisitions_; }
  int renewals() const { return renewals_; }
  // From now on the part of every grant is heard since then.
  void set_seen_since(absl::Time since) { seen_since_ns_ = absl::ToUnixNanos(since); }
  // Whether it refuses to note that grants are used, from now on: as it would any other change.
  void set_touches_refused(bool refused) { touches_refused_ = refused; }
  // Another store takes the place of the wrapped one, as in a failover.
  void Redirect(grants::GrantStore& inner) { inner_ = &inner; }

  StatusTask PutAuthorization(Secret state, grants::PendingAuthorization pending) override {
    return Guard(inner().PutAuthorization(std::move(state), std::move(pending)));
  }
  Task<grants::PendingAuthorization> FindAuthorization(Secret state) override {
    return Guard(inner().FindAuthorization(std::move(state)));
  }
  Task<grants::ClaimedAuthorization> ClaimAuthorization(Secret state, std::string digest) override {
    return Guard(inner().ClaimAuthorization(std::move(state), std::move(digest)));
  }
  StatusTask FinishAuthorization(Secret state, grants::CallbackOutcome outcome) override {
    return Guard(inner().FinishAuthorization(std::move(state), std::move(outcome)));
  }
  StatusTask SpendAuthorization(Secret state) override {
    return Guard(inner().SpendAuthorization(std::move(state)));
  }
  Task<std::size_t> CountAuthorizations(std::string caller) override {
    return Guard(inner().CountAuthorizations(std::move(caller)));
  }
  StatusTask CreateGrant(grants::Grant grant) override {
    return Guard(inner().CreateGrant(std::move(grant)));
  }
  Task<grants::Grant> FindGrant(std::string grant_id) override {
    return Guard(inner().FindGrant(std::move(grant_id)));
  }
  StatusTask CommitGrant(grants::GrantCommit commit) override {
    return Guard(CommitWatched(std::move(commit)));
  }
  Task<grants::Grant> EndGrant(std::string grant_id, grants::GrantState state, std::string because,
                               absl::Duration lifetime) override {
    return Guard(inner().EndGrant(std::move(grant_id), state, std::move(because), lifetime));
  }
  StatusTask TouchGrant(std::string grant_id, absl::Time when) override {
    if (touches_refused_) return Refused();
    return Guard(inner().TouchGrant(std::move(grant_id), when));
  }
  Task<grants::GrantPage> ListGrants(grants::GrantFilter filter, std::size_t size,
                                     std::string token) override {
    return Guard(ListWithGaps(std::move(filter), size, std::move(token)));
  }
  Task<grants::Lease> AcquireLease(std::string grant_id, std::string holder,
                                   absl::Duration lifetime) override {
    ++acquisitions_;
    return Guard(inner().AcquireLease(std::move(grant_id), std::move(holder), lifetime));
  }
  Task<grants::LeasedGrant> LeaseGrant(std::string grant_id, std::string holder,
                                       absl::Duration lifetime) override {
    ++acquisitions_;
    return Guard(inner().LeaseGrant(std::move(grant_id), std::move(holder), lifetime));
  }
  StatusTask RenewLease(grants::Lease lease, absl::Duration lifetime) override {
    // By its own clock: not counted among the calls.
    return Count(inner().RenewLease(std::move(lease), lifetime), renewals_);
  }
  StatusTask ReleaseLease(grants::Lease lease) override {
    return Guard(inner().ReleaseLease(std::move(lease)));
  }
  Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                          absl::Duration visibility) override {
    return Guard(inner().ClaimDue(now, limit, visibility));
  }
  StatusTask PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when) override {
    return Guard(inner().PutBack(std::move(grant_id), hidden_until, when));
  }
  StatusTask Schedule(std::string grant_id, absl::Time when) override {
    return Guard(inner().Schedule(std::move(grant_id), when));
  }
  Task<absl::Time> NextDue() override { return Guard(inner().NextDue()); }
  Task<grants::ScheduleSummary> SummarizeSchedule(absl::Time now) override {
    return Guard(inner().SummarizeSchedule(now));
  }
  Task<std::optional<int>> ClaimSlice(absl::Time now, absl::Duration interval) override {
    return Guard(inner().ClaimSlice(now, interval));
  }
  Task<grants::LookedOver> LookOver(int slice, std::string from, std::size_t limit) override {
    return Guard(inner().LookOver(slice, std::move(from), limit));
  }
  Task<std::size_t> ForgetGone(int slice, std::vector<std::string> gone) override {
    return Guard(inner().ForgetGone(slice, std::move(gone)));
  }
  Task<grants::RewrapPage> RewrapGrants(std::size_t page_size, std::string page_token) override {
    return Guard(inner().RewrapGrants(page_size, std::move(page_token)));
  }
  Task<bool> RemembersTokenId(grants::TokenId id) override {
    return Guard(inner().RemembersTokenId(std::move(id)));
  }
  StatusTask RememberTokenId(grants::TokenId id, absl::Duration lifetime) override {
    return Guard(inner().RememberTokenId(std::move(id), lifetime));
  }
  StatusTask PutRevocation(grants::PendingRevocation revocation, absl::Time due,
                           absl::Duration lifetime) override {
    return Guard(inner().PutRevocation(std::move(revocation), due, lifetime));
  }
  Task<std::vector<grants::PendingRevocation>> ClaimRevocations(
      absl::Time now, std::size_t limit, absl::Duration visibility) override {
    return Guard(inner().ClaimRevocations(now, limit, visibility));
  }
  StatusTask DropRevocation(std::string id) override {
    return Guard(inner().DropRevocation(std::move(id)));
  }
  Task<grants::RevocationSummary> SummarizeRevocations() override {
    return Guard(inner().SummarizeRevocations());
  }
  StatusTask Check() override { return Guard(inner().Check()); }
  void Observe(grants::GrantObserver* observer) override { inner().Observe(observer); }
  std::optional<absl::Time> ChangesSeenSince(const std::string& grant_id) const override {
    const std::int64_t since_ns = seen_since_ns_;
    return since_ns == 0 ? inner().ChangesSeenSince(grant_id) : absl::FromUnixNanos(since_ns);
  }

 private:
  template <typename Result>
  asio::awaitable<Result> Guard(asio::awaitable<Result> call) {
    const int number = ++calls_;
    const bool fails = number >= first_ && number < first_ + count_;
    if (fails && fault_ == Fault::kRefused) co_return Error(Reason::kStoreUnavailable);
    Result result = co_await std::move(call);
    if (fails) co_return Error(Reason::kStoreUnavailable);
    co_return result;
  }

  StatusTask CommitWatched(grants::GrantCommit commit) {
    const grants::GrantCommit seen{.grant = commit.grant.Copy(),
                                   .expected_generation = commit.expected_generation,
                                   .lease = commit.lease};
    absl::Status status = before_commit_ ? before_commit_(seen) : absl::OkStatus();
    if (!status.ok()) co_return status;
    status = co_await inner().CommitGrant(std::move(commit));
    if (status.ok() && after_commit_) status = after_commit_(seen);
    co_return status;
  }

  Task<grants::GrantPage> ListWithGaps(grants::GrantFilter filter, std::size_t size,
                                       std::string token) {
    auto page = co_await inner().ListGrants(std::move(filter), size, std::move(token));
    if (page.ok()) page->unreadable += unreadable_;
    co_return page;
  }

  static StatusTask Refused() { co_return Error(Reason::kStoreUnavailable); }

  static StatusTask Count(StatusTask call, std::atomic<int>& counter) {
    absl::Status status = co_await std::move(call);
    ++counter;
    co_return status;
  }

  grants::GrantStore& inner() const { return *inner_; }

  std::atomic<std::size_t> unreadable_ = 0;
  OnCommit before_commit_;
  OnCommit after_commit_;
  std::atomic<grants::GrantStore*> inner_;
  std::atomic<std::int64_t> seen_since_ns_ = 0;  // 0: as the wrapped one says
  std::atomic<bool> touches_refused_ = false;
  std::atomic<int> acquisitions_ = 0;
  std::atomic<int> renewals_ = 0;
  std::atomic<int> calls_ = 0;
  std::atomic<int> first_ = 0;
  std::atomic<int> count_ = 0;
  std::atomic<Fault> fault_ = Fault::kRefused;
};

}  // namespace tokenbroker::broker
