// A store that fails at the N-th call, before or after the call took effect.
#pragma once

#include <atomic>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Wraps any store. Thread-safe where the wrapped one is.
class FaultyGrantStore final : public grants::GrantStore {
 public:
  explicit FaultyGrantStore(grants::GrantStore& inner) : inner_(inner) {}

  // `kLost` is the worse one: the change happened, the answer did not come.
  enum class Fault { kRefused, kLost };
  // Calls `first` to `first + count - 1` from now on fail.
  void FailCalls(int first, int count, Fault fault) {
    calls_ = 0;
    first_ = first;
    count_ = count;
    fault_ = fault;
  }
  int calls() const { return calls_; }

  StatusTask PutAuthorization(Secret state, grants::PendingAuthorization pending) override {
    return Guard(inner_.PutAuthorization(std::move(state), std::move(pending)));
  }
  Task<grants::PendingAuthorization> FindAuthorization(Secret state) override {
    return Guard(inner_.FindAuthorization(std::move(state)));
  }
  Task<grants::ClaimedAuthorization> ClaimAuthorization(Secret state, std::string digest) override {
    return Guard(inner_.ClaimAuthorization(std::move(state), std::move(digest)));
  }
  StatusTask FinishAuthorization(Secret state, grants::CallbackOutcome outcome) override {
    return Guard(inner_.FinishAuthorization(std::move(state), std::move(outcome)));
  }
  StatusTask SpendAuthorization(Secret state) override {
    return Guard(inner_.SpendAuthorization(std::move(state)));
  }
  Task<std::size_t> CountAuthorizations(std::string caller) override {
    return Guard(inner_.CountAuthorizations(std::move(caller)));
  }
  StatusTask CreateGrant(grants::Grant grant) override {
    return Guard(inner_.CreateGrant(std::move(grant)));
  }
  Task<grants::Grant> FindGrant(std::string grant_id) override {
    return Guard(inner_.FindGrant(std::move(grant_id)));
  }
  StatusTask CommitGrant(grants::GrantCommit commit) override {
    return Guard(inner_.CommitGrant(std::move(commit)));
  }
  Task<grants::Grant> EndGrant(std::string grant_id, grants::GrantState state, std::string because,
                               absl::Duration lifetime) override {
    return Guard(inner_.EndGrant(std::move(grant_id), state, std::move(because), lifetime));
  }
  StatusTask TouchGrant(std::string grant_id, absl::Time when) override {
    return Guard(inner_.TouchGrant(std::move(grant_id), when));
  }
  Task<grants::GrantPage> ListGrants(grants::GrantFilter filter, std::size_t size,
                                     std::string token) override {
    return Guard(inner_.ListGrants(std::move(filter), size, std::move(token)));
  }
  Task<grants::Lease> AcquireLease(std::string grant_id, std::string holder,
                                   absl::Duration lifetime) override {
    return Guard(inner_.AcquireLease(std::move(grant_id), std::move(holder), lifetime));
  }
  StatusTask RenewLease(grants::Lease lease, absl::Duration lifetime) override {
    return inner_.RenewLease(std::move(lease), lifetime);  // by its own clock: not counted
  }
  StatusTask ReleaseLease(grants::Lease lease) override {
    return Guard(inner_.ReleaseLease(std::move(lease)));
  }
  Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                          absl::Duration visibility) override {
    return Guard(inner_.ClaimDue(now, limit, visibility));
  }
  StatusTask PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when) override {
    return Guard(inner_.PutBack(std::move(grant_id), hidden_until, when));
  }
  StatusTask Schedule(std::string grant_id, absl::Time when) override {
    return Guard(inner_.Schedule(std::move(grant_id), when));
  }
  Task<absl::Time> NextDue() override { return Guard(inner_.NextDue()); }
  Task<grants::ScheduleSummary> SummarizeSchedule(absl::Time now) override {
    return Guard(inner_.SummarizeSchedule(now));
  }
  Task<std::optional<int>> ClaimSlice(absl::Time now, absl::Duration interval) override {
    return Guard(inner_.ClaimSlice(now, interval));
  }
  Task<grants::LookedOver> LookOver(int slice, std::string from, std::size_t limit) override {
    return Guard(inner_.LookOver(slice, std::move(from), limit));
  }
  Task<std::size_t> ForgetGone(int slice, std::vector<std::string> gone) override {
    return Guard(inner_.ForgetGone(slice, std::move(gone)));
  }
  Task<grants::RewrapPage> RewrapGrants(std::size_t page_size, std::string page_token) override {
    return Guard(inner_.RewrapGrants(page_size, std::move(page_token)));
  }
  Task<bool> RemembersTokenId(grants::TokenId id) override {
    return Guard(inner_.RemembersTokenId(std::move(id)));
  }
  StatusTask RememberTokenId(grants::TokenId id, absl::Duration lifetime) override {
    return Guard(inner_.RememberTokenId(std::move(id), lifetime));
  }
  StatusTask Check() override { return Guard(inner_.Check()); }
  void Observe(grants::GrantObserver* observer) override { inner_.Observe(observer); }

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

  grants::GrantStore& inner_;
  std::atomic<int> calls_ = 0;
  std::atomic<int> first_ = 0;
  std::atomic<int> count_ = 0;
  std::atomic<Fault> fault_ = Fault::kRefused;
};

}  // namespace tokenbroker::broker
