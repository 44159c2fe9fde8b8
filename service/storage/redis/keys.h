// The names of all keys in Redis. KEYS.md says what lies under them.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace tokenbroker::storage {

inline constexpr int kShards = 1024;
// Where all revocations lie.
inline constexpr int kRevocationShard = 0;

// The shard of a grant id, or of the name of a state: FNV-1a, 64 bits, modulo kShards.
int ShardOf(std::string_view name);

// Immutable, so thread-safe. Whatever has the same shard has the same hash tag, so one script may
// touch it together, in a cluster too.
class RedisKeys {
 public:
  // `prefix` is what every key begins with, `tb` unless several brokers share a Redis.
  explicit RedisKeys(std::string prefix) : prefix_(std::move(prefix)) {}

  // What the keys of all grants begin with, and of those of one shard.
  std::string GrantPrefix() const;
  std::string GrantPrefix(int shard) const;
  std::string Grant(std::string_view id) const;
  // The id in the key of a grant; nothing for other keys.
  std::optional<std::string> GrantIdOf(std::string_view key) const;
  std::string Lease(std::string_view grant_id) const;
  std::string Used(int shard) const;
  std::string Due(int shard) const;
  std::string DueShards() const;
  std::string Walk() const;

  // `state_name`, `caller_name`, `value_name`, `token_id_name` and `limit_name` are keyed
  // hashes.
  std::string Authorization(std::string_view state_name) const;
  std::string Open(std::string_view caller_name) const;
  std::string Index(std::string_view kind, std::string_view value_name) const;
  std::string TokenId(std::string_view token_id_name) const;
  std::string Limit(std::string_view limit_name) const;
  // `id` may be empty: what the names of all begin with.
  std::string Revocation(std::string_view id) const;
  std::string Revocations() const;
  std::string RevocationTimes() const;
  std::string IndexKey() const;

 private:
  std::string Sharded(std::string_view kind, int shard) const;

  const std::string prefix_;
};

}  // namespace tokenbroker::storage
