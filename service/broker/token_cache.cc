#include "broker/token_cache.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/container/flat_hash_set.h"
#include "absl/hash/hash.h"

namespace tokenbroker::broker {
namespace {

constexpr char kSeparator = '\n';  // in no grant id, audience or scope
constexpr std::size_t kMaxThreadEntries = 4096;
constexpr std::size_t kKeyBytes = 4096;  // of an EVP_PKEY, roughly; RSA keys are the larger ones
constexpr std::int64_t kForever = std::numeric_limits<std::int64_t>::max();

std::string_view GrantOf(std::string_view key) { return key.substr(0, key.find(kSeparator)); }

std::size_t BytesOf(const std::string& key, const CachedToken& token) {
  std::size_t bytes = sizeof token + 4 * key.size() + token.value.size() + 128;
  for (const std::string& scope : token.scopes) bytes += sizeof scope + scope.size();
  if (token.dpop_key) bytes += kKeyBytes;
  return bytes;
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

// What one thread has looked up lately in one cache.
struct TokenCache::ThreadLevel {
  std::uint64_t cache_id = 0;
  absl::flat_hash_map<std::string, TokenSnapshot> tokens;

  static ThreadLevel& Of(std::uint64_t cache_id) {
    static thread_local ThreadLevel level;
    if (level.cache_id != cache_id) {
      level.tokens.clear();
      level.cache_id = cache_id;
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
  return until == kForever || absl::ToUnixNanos(clock_.Now()) < until;
}

TokenSnapshot TokenCache::Find(std::string_view key) const {
  return Trusted() ? FindUntrusted(key) : nullptr;
}

TokenSnapshot TokenCache::FindUntrusted(std::string_view key) const {
  const absl::string_view name(key.data(), key.size());
  auto& mine = ThreadLevel::Of(id_).tokens;
  if (const auto found = mine.find(name); found != mine.end()) {
    if (!found->second->stale.load(std::memory_order_acquire)) return found->second;
    mine.erase(found);
  }
  TokenSnapshot token;
  {
    const Shard& shard = ShardOf(GrantOf(key));
    absl::ReaderMutexLock lock(&shard.mutex);
    const auto found = shard.tokens.find(name);
    if (found == shard.tokens.end()) return nullptr;
    token = found->second;
  }
  if (mine.size() >= kMaxThreadEntries) mine.clear();
  mine.insert_or_assign(std::string(key), token);
  return token;
}

TokenCache::Ticket TokenCache::BeginLoad(std::string_view grant_id) const {
  const Shard& shard = ShardOf(grant_id);
  absl::ReaderMutexLock lock(&shard.mutex);
  return shard.changes;
}

void TokenCache::Insert(const std::string& key, TokenSnapshot token, Ticket ticket) {
  Shard& shard = ShardOf(GrantOf(key));
  absl::MutexLock lock(&shard.mutex);
  if (shard.changes != ticket) return;
  Remove(shard, key);
  shard.bytes += BytesOf(key, *token);
  shard.tokens.emplace(key, std::move(token));
  shard.keys_of_grant[std::string(GrantOf(key))].push_back(key);
  shard.by_age.push_back(key);
  MakeRoom(shard);
}

void TokenCache::Remove(Shard& shard, const std::string& key) {
  const auto found = shard.tokens.find(key);
  if (found == shard.tokens.end()) return;
  found->second->stale.store(true, std::memory_order_release);
  shard.bytes -= BytesOf(key, *found->second);
  shard.tokens.erase(found);
  const std::string_view grant_id = GrantOf(key);
  const auto keys = shard.keys_of_grant.find(absl::string_view(grant_id.data(), grant_id.size()));
  std::erase(keys->second, key);
  if (keys->second.empty()) shard.keys_of_grant.erase(keys);
}

// Oldest first: a token that is used is inserted again at its next refresh, so age follows use
// closely enough without a write on every read.
void TokenCache::MakeRoom(Shard& shard) {
  while (shard.bytes > options_.max_bytes / kShards && !shard.by_age.empty()) {
    const std::string oldest = std::move(shard.by_age.front());
    shard.by_age.pop_front();
    Remove(shard, oldest);
  }
  if (shard.by_age.size() <= 2 * shard.tokens.size() + 64) return;
  // Most of the names are of tokens that are gone or were inserted again: keep each one's newest.
  absl::flat_hash_set<std::string> seen;
  std::deque<std::string> compact;
  for (auto key = shard.by_age.rbegin(); key != shard.by_age.rend(); ++key) {
    if (shard.tokens.contains(*key) && seen.insert(*key).second) compact.push_front(*key);
  }
  shard.by_age = std::move(compact);
}

void TokenCache::OnGrantChanged(const std::string& grant_id) {
  Shard& shard = ShardOf(grant_id);
  absl::MutexLock lock(&shard.mutex);
  ++shard.changes;
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
  for (std::size_t i = 0; i < kShards; ++i) {
    Shard& shard = shards_[i];
    absl::MutexLock lock(&shard.mutex);
    ++shard.changes;
    for (auto& [key, token] : shard.tokens) token->stale.store(true, std::memory_order_release);
    shard.tokens.clear();
    shard.keys_of_grant.clear();
    shard.by_age.clear();
    shard.bytes = 0;
  }
  trusted_until_.store(kForever);
}

}  // namespace tokenbroker::broker
