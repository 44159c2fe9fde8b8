// The near cache: access tokens (never refresh tokens) in the process, found without a lock that
// all cores share and without I/O.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/shared_mutex.h"
#include "grants/grant_store.h"
#include "oauth/dpop.h"
#include "telemetry/per_thread_cells.h"

namespace tokenbroker::broker {

// One access token as it is handed out. Immutable but for what is mutable.
struct CachedToken {
  std::string grant_id;  // empty for a token by client credentials
  std::string owner;     // the caller whose grant it is
  std::string client;
  Secret value;
  std::string token_type;
  oauth::DpopKey dpop_key;  // null for a bearer token
  absl::Time expires_at;
  absl::Time obtained_at;
  absl::Time refresh_after;  // from here on a refresh behind the caller's back makes sense
  std::vector<std::string> scopes;
  std::string audience;            // effective; may be empty
  grants::TokenSelector selector;  // which of the grant's tokens
  std::uint64_t generation = 0;
  // Set when the grant changed: whoever still holds the snapshot must look again.
  mutable std::atomic<bool> stale = false;
  // Set by the first who starts a refresh ahead of time.
  mutable std::atomic<bool> refresh_begun = false;
  // Set by a lookup, for the cache's eviction.
  mutable std::atomic<bool> used = false;
  // From when on (ns since 1970) the store is to be told that the grant is used, and how often. Not
  // before the end of time for a token that is no grant's.
  mutable std::atomic<std::int64_t> note_use_after = std::numeric_limits<std::int64_t>::max();
  absl::Duration note_use_every = absl::InfiniteDuration();
};

using TokenSnapshot = std::shared_ptr<const CachedToken>;

// Where a token lies: grant and selection in one text.
std::string CacheKey(std::string_view grant_id, std::string_view audience,
                     const std::vector<std::string>& scopes);

struct TokenCacheOptions {
  // Of all tokens, as counted by the cache. A quarter of it is for what the threads' maps may keep
  // alive of tokens that are gone from the shards.
  std::size_t max_bytes = std::size_t{64} << 20;
  // How long the cache is trusted when the store no longer tells what changed.
  absl::Duration trust_without_changes = absl::Seconds(5);
};

// What there is and what there was so far.
struct TokenCacheState {
  std::size_t tokens = 0;
  std::size_t bytes = 0;
  std::uint64_t hits = 0;
  std::uint64_t misses = 0;
  std::uint64_t evictions = 0;      // for want of room
  std::uint64_t invalidations = 0;  // changes of grants that were told
  bool trusted = false;
};

// Two levels: a small map per thread, which needs no lock, over shards that do. A change marks the
// snapshot itself, so that no thread's map has to be visited. Thread-safe.
//
// What goes first when there is no room is what has lain longest without being looked up: a token
// that was used since it last came up for eviction is passed over once (second chance), which is
// close to least recently used and costs a lookup no write but the first.
class TokenCache final : public grants::GrantObserver {
 public:
  TokenCache(const Clock& clock, TokenCacheOptions options);
  ~TokenCache() override;

  // Null where there is none, it is out of date, or the cache may not be trusted. May return a
  // token that has expired; that is for the caller to see.
  TokenSnapshot Find(std::string_view key) const;
  // The same while the store is away: a token is served to its end though changes may be missed.
  TokenSnapshot FindUntrusted(std::string_view key) const;

  // Take a ticket before reading the grant from the store; a change that comes between makes Insert
  // keep nothing, so that an old token never replaces the news that it is old.
  using Ticket = std::uint64_t;
  Ticket BeginLoad(std::string_view grant_id) const;
  void Insert(const std::string& key, TokenSnapshot token, Ticket ticket);

  // Drops everything, and what is being loaded.
  void Clear();

  // Counts a call that could be answered from here, or could not. Free of what cores share.
  void NoteLookup(bool answered) { lookups_.Add(answered ? kHit : kMiss); }

  // Sums up; locks each shard for a moment.
  TokenCacheState state() const;

  void OnGrantChanged(const std::string& grant_id) override;
  void OnChangesLost() override;
  void OnChangesSeenAgain() override;

 private:
  static constexpr std::size_t kShards = 64;
  struct Entry {
    TokenSnapshot token;
    std::uint64_t number = 0;  // of the insertion
  };
  struct Shard {
    mutable SharedMutex mutex;
    absl::flat_hash_map<std::string, Entry> tokens ABSL_GUARDED_BY(mutex);
    absl::flat_hash_map<std::string, std::vector<std::string>> keys_of_grant ABSL_GUARDED_BY(mutex);
    // Keys and numbers of insertions, oldest first; some are gone or were inserted again.
    std::deque<std::pair<std::string, std::uint64_t>> by_age ABSL_GUARDED_BY(mutex);
    std::uint64_t insertions ABSL_GUARDED_BY(mutex) = 0;
    std::size_t bytes ABSL_GUARDED_BY(mutex) = 0;
    std::uint64_t changes ABSL_GUARDED_BY(mutex) = 0;
    std::uint64_t evictions ABSL_GUARDED_BY(mutex) = 0;
    std::uint64_t invalidations ABSL_GUARDED_BY(mutex) = 0;
  };
  static constexpr std::size_t kHit = 0;
  static constexpr std::size_t kMiss = 1;
  struct ThreadLevel;

  Shard& ShardOf(std::string_view grant_id) const;
  bool Trusted() const;
  void KeepForThread(ThreadLevel& level, std::string_view key, const TokenSnapshot& token) const;
  static void Remove(Shard& shard, const std::string& key)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);
  void MakeRoom(Shard& shard) ABSL_EXCLUSIVE_LOCKS_REQUIRED(shard.mutex);

  const Clock& clock_;
  const TokenCacheOptions options_;
  const std::uint64_t id_;  // tells a thread's map of this cache from that of one before it
  std::unique_ptr<Shard[]> shards_;
  // How many threads have a map of this cache; shared with them, who may live longer.
  const std::shared_ptr<std::atomic<std::size_t>> threads_ =
      std::make_shared<std::atomic<std::size_t>>(0);
  telemetry::PerThreadCells lookups_{2};
  // Nanoseconds since the epoch until which the cache is trusted; the maximum while changes are
  // seen.
  std::atomic<std::int64_t> trusted_until_;
};

}  // namespace tokenbroker::broker
