#include "broker/token_cache.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/hash/hash.h"

namespace tokenbroker::broker {
namespace {

constexpr char kSeparator = '\n';        // in no grant id, audience or scope
constexpr std::size_t kKeyBytes = 4096;  // of an EVP_PKEY, roughly; RSA keys are the larger ones
constexpr std::size_t kThreadsPart = 4;  // of the bytes: a quarter
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

std::string_view GrantOf(std::string_view key) { return key.substr(0, key.find(kSeparator)); }

std::size_t BytesOf(const std::string& key, const CachedToken& token) {
  std::size_t bytes = sizeof token + 4 * key.size() + token.value.size() + token.grant_id.size() +
                      token.owner.size() + token.client.size() + token.audience.size() + 128;
  for (const std::string& scope : token.scopes) bytes += sizeof scope + scope.size();
  if (token.dpop_key) bytes += kKeyBytes;
  return bytes;
}

// Written once: what is read by all cores is not to be written by any.
void MarkUsed(const CachedToken& token) {
  if (!token.used.load(std::memory_order_relaxed)) {
    token.used.store(true, std::memory_order_relaxed);
  }
}

std::uint64_t NextId() {
  static std::atomic<std::uint64_t> next = 1;
  return next.fetch_add(1);
}

}  // namespace

std::string CacheKey(std::string_view grant_id, std::string_view audience,
                     const std::vector<std::string>& scopes) {
  std::string key;
  key.reserve(grant_id.size() + audience.size() + 2 + 16 * scopes.size());
  key.append(grant_id).push_back(kSeparator);
  key.append(audience).push_back(kSeparator);
  if (scopes.size() == 1) {
    key += scopes.front();
  } else if (!scopes.empty()) {
    std::vector<std::string_view> sorted(scopes.begin(), scopes.end());
    std::sort(sorted.begin(), sorted.end());
    sorted.erase(std::unique(sorted.begin(), sorted.end()), sorted.end());
    for (const std::string_view scope : sorted) key.append(scope).push_back(' ');
    key.pop_back();
  }
  return key;
}

// What one thread has looked up lately in one cache. Its tokens may be gone from the shards: the
// bytes count, lest threads keep alive what the cache has let go.
struct TokenCache::ThreadLevel {
  std::uint64_t cache_id = 0;
  std::shared_ptr<std::atomic<std::size_t>> threads;
  absl::flat_hash_map<std::string, TokenSnapshot> tokens;
  std::size_t bytes = 0;

  ~ThreadLevel() { Leave(); }

  void Leave() {
    tokens.clear();
    bytes = 0;
    if (threads) threads->fetch_sub(1);
    threads = nullptr;
  }

  static ThreadLevel& Of(const TokenCache& cache) {
    static thread_local ThreadLevel level;
    if (level.cache_id != cache.id_) {
      level.Leave();
      level.cache_id = cache.id_;
      level.threads = cache.threads_;
      level.threads->fetch_add(1);
    }
    return level;
  }
};

TokenCache::TokenCache(const Clock& clock, TokenCacheOptions options)
    : clock_(clock),
      options_(options),
      id_(NextId()),
      shards_(new Shard[kShards]),
      trusted_until_(kForever) {}

TokenCache::~TokenCache() = default;

TokenCache::Shard& TokenCache::ShardOf(std::string_view grant_id) const {
  return shards_[absl::HashOf(absl::string_view(grant_id.data(), grant_id.size())) % kShards];
}

bool TokenCache::Trusted() const {
  const std::int64_t until = trusted_until_.load(std::memory_order_relaxed);
  if (until == kForever) return true;
  const std::int64_t left = until - absl::ToUnixNanos(clock_.Now());
  // More is left only where the wall clock was set back.
  return left > 0 && left <= absl::ToInt64Nanoseconds(options_.trust_without_changes);
}

TokenSnapshot TokenCache::Find(std::string_view key) const {
  return Trusted() ? FindUntrusted(key) : nullptr;
}

TokenSnapshot TokenCache::FindUntrusted(std::string_view key) const {
  const absl::string_view name(key.data(), key.size());
  ThreadLevel& level = ThreadLevel::Of(*this);
  if (const auto found = level.tokens.find(name); found != level.tokens.end()) {
    if (!found->second->stale.load(std::memory_order_acquire)) {
      MarkUsed(*found->second);
      return found->second;
    }
    level.bytes -= BytesOf(found->first, *found->second);
    level.tokens.erase(found);
  }
  TokenSnapshot token;
  {
    const Shard& shard = ShardOf(GrantOf(key));
    const ReaderLock lock(shard.mutex);
    const auto found = shard.tokens.find(name);
    if (found == shard.tokens.end()) return nullptr;
    token = found->second.token;
  }
  MarkUsed(*token);
  KeepForThread(level, key, token);
  return token;
}

void TokenCache::KeepForThread(ThreadLevel& level, std::string_view key,
                               const TokenSnapshot& token) const {
  const std::size_t most =
      options_.max_bytes / kThreadsPart / std::max<std::size_t>(1, threads_->load());
  std::string name(key);
  const std::size_t bytes = BytesOf(name, *token);
  if (level.bytes + bytes > most) {
    level.tokens.clear();
    level.bytes = 0;
  }
  if (bytes > most) return;
  level.bytes += bytes;
  level.tokens.emplace(std::move(name), token);
}

TokenCache::Ticket TokenCache::BeginLoad(std::string_view grant_id) const {
  const Shard& shard = ShardOf(grant_id);
  const ReaderLock lock(shard.mutex);
  return shard.changes;
}

void TokenCache::Insert(const std::string& key, TokenSnapshot token, Ticket ticket) {
  Shard& shard = ShardOf(GrantOf(key));
  const WriterLock lock(shard.mutex);
  if (shard.changes != ticket) return;
  Remove(shard, key);
  shard.bytes += BytesOf(key, *token);
  const std::uint64_t number = ++shard.insertions;
  shard.tokens.emplace(key, Entry{.token = std::move(token), .number = number});
  shard.keys_of_grant[std::string(GrantOf(key))].push_back(key);
  shard.by_age.emplace_back(key, number);
  MakeRoom(shard);
}

void TokenCache::Remove(Shard& shard, const std::string& key) {
  const auto found = shard.tokens.find(key);
  if (found == shard.tokens.end()) return;
  found->second.token->stale.store(true, std::memory_order_release);
  shard.bytes -= BytesOf(key, *found->second.token);
  shard.tokens.erase(found);
  const std::string_view grant_id = GrantOf(key);
  const auto keys = shard.keys_of_grant.find(absl::string_view(grant_id.data(), grant_id.size()));
  std::erase(keys->second, key);
  if (keys->second.empty()) shard.keys_of_grant.erase(keys);
}

void TokenCache::MakeRoom(Shard& shard) {
  const std::size_t most = options_.max_bytes / kThreadsPart * (kThreadsPart - 1) / kShards;
  // One each, whatever readers do meanwhile.
  std::size_t chances = shard.by_age.size();
  while (shard.bytes > most && !shard.by_age.empty()) {
    auto [key, number] = std::move(shard.by_age.front());
    shard.by_age.pop_front();
    const auto found = shard.tokens.find(key);
    if (found == shard.tokens.end() || found->second.number != number) continue;
    const bool was_used = found->second.token->used.exchange(false, std::memory_order_relaxed);
    if (was_used && chances > 0) {
      --chances;
      shard.by_age.emplace_back(std::move(key), number);
    } else {
      ++shard.evictions;
      Remove(shard, key);
    }
  }
  if (shard.by_age.size() <= 2 * shard.tokens.size() + 64) return;
  // Most of the names are of tokens that are gone or were inserted again.
  const auto& tokens = shard.tokens;
  std::erase_if(shard.by_age, [&tokens](const auto& name) {
    const auto found = tokens.find(name.first);
    return found == tokens.end() || found->second.number != name.second;
  });
}

TokenCacheState TokenCache::state() const {
  TokenCacheState state{.hits = lookups_.Sum(kHit),
                        .misses = lookups_.Sum(kMiss),
                        .trusted = trusted_until_.load() == kForever};
  for (std::size_t i = 0; i < kShards; ++i) {
    const Shard& shard = shards_[i];
    const ReaderLock lock(shard.mutex);
    state.tokens += shard.tokens.size();
    state.bytes += shard.bytes;
    state.evictions += shard.evictions;
    state.invalidations += shard.invalidations;
  }
  return state;
}

void TokenCache::OnGrantChanged(const std::string& grant_id) {
  Shard& shard = ShardOf(grant_id);
  const WriterLock lock(shard.mutex);
  ++shard.changes;
  ++shard.invalidations;
  const auto keys = shard.keys_of_grant.find(grant_id);
  if (keys == shard.keys_of_grant.end()) return;
  const std::vector<std::string> old = keys->second;
  for (const std::string& key : old) Remove(shard, key);
}

void TokenCache::OnChangesLost() {
  std::int64_t expected = kForever;
  trusted_until_.compare_exchange_strong(
      expected, absl::ToUnixNanos(clock_.Now() + options_.trust_without_changes));
}

void TokenCache::OnChangesSeenAgain() {
  Clear();
  trusted_until_.store(kForever);
}

void TokenCache::Clear() {
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[i];
    const WriterLock lock(shard.mutex);
    ++shard.changes;
    for (auto& [key, entry] : shard.tokens) {
      entry.token->stale.store(true, std::memory_order_release);
    }
    shard.tokens.clear();
    shard.keys_of_grant.clear();
    shard.by_age.clear();
    shard.bytes = 0;
  }
}

}  // namespace tokenbroker::broker
