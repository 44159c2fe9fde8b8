#include "storage/redis/keys.h"

#include <cstdint>

namespace tokenbroker::storage {
namespace {

constexpr std::string_view kGrant = "grant";

}  // namespace

int ShardOf(std::string_view name) {
  std::uint64_t hash = 14695981039346656037u;
  for (const char c : name) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 1099511628211u;
  }
  return static_cast<int>(hash % kShards);
}

std::string RedisKeys::GrantPrefix() const {
  return std::string(prefix_).append(":").append(kGrant).append(":");
}

std::string RedisKeys::GrantPrefix(int shard) const { return Sharded(kGrant, shard).append(":"); }

std::string RedisKeys::Grant(std::string_view id) const {
  return GrantPrefix(ShardOf(id)).append(id);
}

std::optional<std::string> RedisKeys::GrantIdOf(std::string_view key) const {
  if (!key.starts_with(GrantPrefix())) return std::nullopt;
  const auto colon = key.find("}:");
  if (colon == std::string_view::npos) return std::nullopt;
  std::string id(key.substr(colon + 2));
  if (Grant(id) != key) return std::nullopt;
  return id;
}

std::string RedisKeys::Lease(std::string_view grant_id) const {
  return Sharded("lease", ShardOf(grant_id)).append(":").append(grant_id);
}

std::string RedisKeys::Used(int shard) const { return Sharded("used", shard); }

std::string RedisKeys::Due(int shard) const { return Sharded("due", shard); }

std::string RedisKeys::DueShards() const { return prefix_ + ":due"; }
std::string RedisKeys::Walk() const { return prefix_ + ":walk"; }

std::string RedisKeys::Authorization(std::string_view state_name) const {
  return Sharded("authz", ShardOf(state_name)).append(":").append(state_name);
}

std::string RedisKeys::Open(std::string_view caller_name) const {
  return std::string(prefix_).append(":open:").append(caller_name);
}

std::string RedisKeys::Index(std::string_view kind, std::string_view value_name) const {
  return std::string(prefix_).append(":index:").append(kind).append(":").append(value_name);
}

std::string RedisKeys::TokenId(std::string_view token_id_name) const {
  return std::string(prefix_).append(":jti:").append(token_id_name);
}

std::string RedisKeys::Limit(std::string_view limit_name) const {
  return std::string(prefix_).append(":limit:").append(limit_name);
}

std::string RedisKeys::Revocation(std::string_view id) const {
  return Revocations().append(":").append(id);
}

std::string RedisKeys::Revocations() const { return Sharded("revoke", kRevocationShard); }

std::string RedisKeys::RevocationTimes() const { return Sharded("revoke-since", kRevocationShard); }

std::string RedisKeys::IndexKey() const { return prefix_ + ":index-key"; }

std::string RedisKeys::Sharded(std::string_view kind, int shard) const {
  return std::string(prefix_)
      .append(":")
      .append(kind)
      .append(":{")
      .append(std::to_string(shard))
      .append("}");
}

}  // namespace tokenbroker::storage
