// The store in Redis 7 or Valkey 8, shared by all replicas. KEYS.md says what lies where.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "grants/grant_store.h"
#include "grants/seal.h"
#include "limits/limit_store.h"
#include "net/redis_cluster.h"
#include "net/redis_replicated_writes.h"
#include "net/redis_sentinels.h"
#include "net/redis_servers.h"
#include "net/runtime.h"
#include "storage/redis/change_echoes.h"
#include "storage/redis/index_key.h"
#include "storage/redis/keys.h"
#include "storage/redis/redis_authorizations.h"
#include "storage/redis/redis_calls.h"
#include "storage/redis/redis_grants.h"
#include "storage/redis/redis_leases.h"
#include "storage/redis/redis_limits.h"
#include "storage/redis/redis_listing.h"
#include "storage/redis/redis_revocations.h"
#include "storage/redis/redis_rewrap.h"
#include "storage/redis/redis_schedule.h"
#include "storage/redis/redis_settings.h"
#include "storage/redis/redis_token_ids.h"
#include "storage/redis/redis_walk.h"

namespace tokenbroker::storage {

struct RedisStoreOptions {
  std::shared_ptr<const RedisOptions> redis;  // how to reach it, and how long a command may take
  std::size_t connections = 4;  // to each server, for commands; one more listens for changes
  std::string key_prefix = "tb";
  RedisReplication replication = {};
  // At most one of them; without either, the endpoint of `redis` is the server.
  std::optional<RedisSentinelOptions> sentinel = {};
  std::optional<RedisClusterOptions> cluster = {};
  // Told how long the news of each change of a grant by this replica took; may be empty.
  ChangeEchoes::Tell on_change_heard = {};
};

// Thread-safe. Connects at once and ever again; while Redis is away every method fails with
// STORE_UNAVAILABLE, after at most the command time-out of `redis`, and nothing waits for Redis to
// come back. A call whose connection breaks under it is made once more before it fails.
//
// Leases and ends of records run by Redis's clock, as durations; the schedule by the times that
// callers give.
class RedisGrantStore final : public grants::GrantStore, public limits::LimitStore {
 public:
  // Borrows `runtime`, `clock` and `ring`, which must outlive the store; so must every coroutine of
  // the store have ended before it is destroyed.
  RedisGrantStore(Runtime& runtime, const Clock& clock, const grants::KeyRing& ring,
                  RedisStoreOptions options);

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

  // Errors besides STORE_UNAVAILABLE: RECORD_UNREADABLE where the key ring is not the one that this
  // Redis was filled with.
  StatusTask Check() override;
  // What Redis's settings risk, in words for the operator's log. Errors: STORE_UNAVAILABLE.
  Task<std::vector<std::string>> CheckSettings();

  // What there is to know of a Redis before a broker uses it. Nothing is changed. Errors:
  // STORE_UNAVAILABLE.
  Task<RedisSettings> ReadSettings();
  Task<absl::Time> ReadClock();
  // Whether the key ring is the one that this Redis was filled with; an empty one fits every ring.
  // Errors besides: RECORD_UNREADABLE.
  StatusTask CheckRing() { return index_key_.Check(); }

  // Starts to listen for changes by other replicas.
  void Observe(grants::GrantObserver* observer) override;
  std::optional<absl::Time> ChangesSeenSince(const std::string& grant_id) const override;

 private:
  void TellChanged(const std::string& grant_id) const;
  void OnMessage(const RedisReply& payload);

  // Constant after construction, and thread-safe themselves.
  const RedisKeys keys_;
  RedisCalls calls_;
  IndexKey index_key_;
  const RedisParts parts_;
  RedisAuthorizations authorizations_;
  RedisGrants grants_;
  RedisLeases leases_;
  RedisListing listing_;
  RedisRewrap rewrap_;
  RedisSchedule schedule_;
  RedisWalk walk_;
  RedisTokenIds token_ids_;
  RedisLimits limits_;
  RedisRevocations revocations_;

  ChangeEchoes echoes_;
  grants::GrantObserver* observer_ = nullptr;
  // Last, so that it is the first to go: its callbacks use what stands above.
  std::unique_ptr<RedisListening> listening_;
};

}  // namespace tokenbroker::storage
