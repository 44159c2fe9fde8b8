#include "storage/redis/redis_grant_store.h"

#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "net/redis_single.h"

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

namespace {

std::unique_ptr<RedisServers> ServersOf(Runtime& runtime, const Clock& clock,
                                        RedisStoreOptions& options) {
  RedisPoolOptions pool{.redis = options.redis,
                        .connections = options.connections,
                        .replication = std::move(options.replication)};
  if (options.cluster) {
    return std::make_unique<RedisCluster>(runtime, clock, std::move(pool),
                                          *std::move(options.cluster));
  }
  return std::make_unique<SingleRedis>(runtime, clock, std::move(pool),
                                       std::move(options.sentinel));
}

}  // namespace

RedisGrantStore::RedisGrantStore(Runtime& runtime, const Clock& clock, const grants::KeyRing& ring,
                                 RedisStoreOptions options)
    : keys_(options.key_prefix),
      calls_(ServersOf(runtime, clock, options), options.redis->command_timeout),
      index_key_(calls_, keys_, ring),
      parts_{clock, ring, keys_, calls_, index_key_},
      authorizations_(parts_),
      grants_(parts_),
      leases_(parts_),
      listing_(parts_),
      rewrap_(parts_, listing_),
      schedule_(parts_),
      walk_(parts_),
      token_ids_(parts_),
      limits_(parts_),
      revocations_(parts_),
      echoes_(clock, std::move(options.on_change_heard)) {}

StatusTask RedisGrantStore::PutAuthorization(Secret state, PendingAuthorization pending) {
  return authorizations_.Put(std::move(state), std::move(pending));
}

Task<PendingAuthorization> RedisGrantStore::FindAuthorization(Secret state) {
  return authorizations_.Find(std::move(state));
}

Task<ClaimedAuthorization> RedisGrantStore::ClaimAuthorization(Secret state,
                                                               std::string callback_digest) {
  return authorizations_.Claim(std::move(state), std::move(callback_digest));
}

StatusTask RedisGrantStore::FinishAuthorization(Secret state, CallbackOutcome outcome) {
  return authorizations_.Finish(std::move(state), std::move(outcome));
}

StatusTask RedisGrantStore::SpendAuthorization(Secret state) {
  return authorizations_.Spend(std::move(state));
}

Task<std::size_t> RedisGrantStore::CountAuthorizations(std::string caller) {
  return authorizations_.Count(std::move(caller));
}

StatusTask RedisGrantStore::CreateGrant(Grant grant) {
  const std::string id = grant.id;
  absl::Status status = co_await grants_.Create(std::move(grant));
  TellChanged(id);
  co_return status;
}

Task<Grant> RedisGrantStore::FindGrant(std::string grant_id) {
  return grants_.Find(std::move(grant_id));
}

StatusTask RedisGrantStore::CommitGrant(GrantCommit commit) {
  const std::string id = commit.grant.id;
  echoes_.Sent(id);
  absl::Status status = co_await grants_.Commit(std::move(commit));
  if (!status.ok()) echoes_.Failed(id);
  // Also after a failure: the change may have been made all the same.
  TellChanged(id);
  co_return status;
}

Task<Grant> RedisGrantStore::EndGrant(std::string grant_id, GrantState state, std::string because,
                                      absl::Duration tombstone_lifetime) {
  echoes_.Sent(grant_id);
  absl::StatusOr<Grant> was =
      co_await grants_.End(grant_id, state, std::move(because), tombstone_lifetime);
  if (!was.ok()) echoes_.Failed(grant_id);
  TellChanged(grant_id);
  co_return was;
}

StatusTask RedisGrantStore::TouchGrant(std::string grant_id, absl::Time when) {
  return grants_.Touch(std::move(grant_id), when);
}

Task<GrantPage> RedisGrantStore::ListGrants(GrantFilter filter, std::size_t page_size,
                                            std::string page_token) {
  return listing_.List(std::move(filter), page_size, std::move(page_token));
}

Task<grants::RewrapPage> RedisGrantStore::RewrapGrants(std::size_t page_size,
                                                       std::string page_token) {
  return rewrap_.Rewrap(page_size, std::move(page_token));
}

Task<Lease> RedisGrantStore::AcquireLease(std::string grant_id, std::string holder,
                                          absl::Duration lifetime) {
  return leases_.Acquire(std::move(grant_id), std::move(holder), lifetime);
}

Task<LeasedGrant> RedisGrantStore::LeaseGrant(std::string grant_id, std::string holder,
                                              absl::Duration lifetime) {
  return leases_.AcquireAndRead(std::move(grant_id), std::move(holder), lifetime);
}

StatusTask RedisGrantStore::RenewLease(Lease lease, absl::Duration lifetime) {
  return leases_.Renew(std::move(lease), lifetime);
}

StatusTask RedisGrantStore::ReleaseLease(Lease lease) { return leases_.Release(std::move(lease)); }

Task<std::vector<std::string>> RedisGrantStore::ClaimDue(absl::Time now, std::size_t limit,
                                                         absl::Duration visibility) {
  return schedule_.ClaimDue(now, limit, visibility);
}

StatusTask RedisGrantStore::PutBack(std::string grant_id, absl::Time hidden_until,
                                    absl::Time when) {
  return schedule_.PutBack(std::move(grant_id), hidden_until, when);
}

StatusTask RedisGrantStore::Schedule(std::string grant_id, absl::Time when) {
  return schedule_.Schedule(std::move(grant_id), when);
}

Task<absl::Time> RedisGrantStore::NextDue() { return schedule_.NextDue(); }

Task<ScheduleSummary> RedisGrantStore::SummarizeSchedule(absl::Time now) {
  return schedule_.Summarize(now);
}

Task<std::optional<int>> RedisGrantStore::ClaimSlice(absl::Time now, absl::Duration interval) {
  return walk_.ClaimSlice(now, interval);
}

Task<LookedOver> RedisGrantStore::LookOver(int slice, std::string from, std::size_t limit) {
  return walk_.LookOver(slice, std::move(from), limit);
}

Task<std::size_t> RedisGrantStore::ForgetGone(int slice, std::vector<std::string> gone) {
  return walk_.ForgetGone(slice, std::move(gone));
}

Task<bool> RedisGrantStore::RemembersTokenId(TokenId id) {
  return token_ids_.Remembers(std::move(id));
}

StatusTask RedisGrantStore::RememberTokenId(TokenId id, absl::Duration lifetime) {
  return token_ids_.Remember(std::move(id), lifetime);
}

Task<limits::Share> RedisGrantStore::TakeShare(std::string name, std::optional<limits::Rate> rate,
                                               int wanted) {
  return limits_.TakeShare(std::move(name), rate, wanted);
}

StatusTask RedisGrantStore::CoolDown(std::string name, absl::Duration duration) {
  return limits_.CoolDown(std::move(name), duration);
}

StatusTask RedisGrantStore::PutRevocation(PendingRevocation revocation, absl::Time due,
                                          absl::Duration lifetime) {
  return revocations_.Put(std::move(revocation), due, lifetime);
}

Task<std::vector<PendingRevocation>> RedisGrantStore::ClaimRevocations(absl::Time now,
                                                                       std::size_t limit,
                                                                       absl::Duration visibility) {
  return revocations_.Claim(now, limit, visibility);
}

StatusTask RedisGrantStore::DropRevocation(std::string id) {
  return revocations_.Drop(std::move(id));
}

Task<grants::RevocationSummary> RedisGrantStore::SummarizeRevocations() {
  return revocations_.Summarize();
}

StatusTask RedisGrantStore::Check() {
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Keyless({"PING"}));
  CO_RETURN_IF_ERROR((co_await calls_.Make(0, std::move(calls))).status());
  co_return (co_await index_key_.Get()).status();
}

Task<std::vector<std::string>> RedisGrantStore::CheckSettings() {
  CO_ASSIGN_OR_RETURN(const RedisSettings settings, co_await storage::ReadSettings(calls_));
  co_return WarningsOf(settings);
}

Task<RedisSettings> RedisGrantStore::ReadSettings() { return storage::ReadSettings(calls_); }

Task<absl::Time> RedisGrantStore::ReadClock() { return storage::ReadClock(calls_); }

void RedisGrantStore::Observe(grants::GrantObserver* observer) {
  listening_.reset();
  observer_ = observer;
  if (observer_ == nullptr) return;
  observer_->OnChangesLost();
  RedisSubscription subscription{.tracked_prefixes = {keys_.GrantPrefix()}};
  RedisSubscriberCallbacks callbacks;
  callbacks.on_connected = [this] {
    // Nobody was told of what was sent in between: the next news would be taken for its.
    echoes_.Forget();
    observer_->OnChangesSeenAgain();
  };
  callbacks.on_disconnected = [this] {
    // A Redis that went away may come back without what it held.
    index_key_.Forget();
    echoes_.Forget();
    observer_->OnChangesLost();
  };
  callbacks.on_message = [this](std::string_view, const RedisReply& payload) {
    OnMessage(payload);
  };
  listening_ = calls_.Listen(std::move(subscription), std::move(callbacks));
}

std::optional<absl::Time> RedisGrantStore::ChangesSeenSince(const std::string& grant_id) const {
  if (listening_ == nullptr) return std::nullopt;
  return listening_->HeardSince(keys_.Grant(grant_id));
}

void RedisGrantStore::TellChanged(const std::string& grant_id) const {
  if (observer_ != nullptr) observer_->OnGrantChanged(grant_id);
}

void RedisGrantStore::OnMessage(const RedisReply& payload) {
  if (payload.Array() == nullptr) {
    // Everything was flushed away.
    index_key_.Forget();
    observer_->OnChangesLost();
    observer_->OnChangesSeenAgain();
    return;
  }
  for (const RedisReply& key : *payload.Array()) {
    if (key.String() == nullptr) continue;
    const auto id = keys_.GrantIdOf(*key.String());
    if (!id) continue;
    observer_->OnGrantChanged(*id);
    echoes_.Heard(*id);
  }
}

}  // namespace tokenbroker::storage
