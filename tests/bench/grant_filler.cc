#include "bench/grant_filler.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "bench/provider_stub.h"
#include "grants/record.h"
#include "net/redis_connection.h"
#include "net/redis_single.h"
#include "storage/redis/index_key.h"
#include "storage/redis/keys.h"
#include "storage/redis/redis_calls.h"
#include "storage/redis/redis_index.h"

namespace tokenbroker::bench {
namespace {

constexpr std::size_t kGrantsAtOnce = 500;
constexpr absl::Duration kLifetime = absl::Hours(1);
constexpr double kShare = 0.8;

}  // namespace

grants::KeyRing BenchRing() {
  std::vector<grants::SealingKey> keys;
  keys.push_back({"bench", Secret(std::string(grants::kSealingKeySize, 'k'))});
  return *grants::KeyRing::Create(std::move(keys));
}

grants::Grant GrantDueAt(absl::Time due, absl::Time now) {
  const absl::Time obtained_at = due - kLifetime * kShare;
  grants::Grant grant;
  grant.id = RandomToken(24);
  grant.caller = "spiffe://example.test/web";
  grant.client = kClient;
  grant.provider = kClient;
  grant.id_token.issuer = "https://op.example.test";
  grant.id_token.subject = RandomToken(12);
  grant.id_token.audience = {"broker"};
  grant.id_token.issued_at = obtained_at;
  grant.raw_id_token = Secret(RandomToken(600));
  grant.scopes = {"openid", "offline_access", "read"};
  grant.created_at = obtained_at;
  grant.last_used_at = now;
  grant.next_refresh_at = due;
  grant.ends_at = now + absl::Hours(24 * 30);
  grant.generation = 1;
  grant.refresh_token = Secret(RefreshTokenDueAt(absl::ToUnixMicros(due)));
  grants::AccessToken token;
  token.value = Secret(RandomToken(600));
  token.token_type = "Bearer";
  token.obtained_at = obtained_at;
  token.expires_at = obtained_at + kLifetime;
  token.scopes = grant.scopes;
  grant.access_tokens.emplace(grants::TokenSelector{}, std::move(token));
  return grant;
}

void FillRedis(Runtime& runtime, const storage::RedisStoreOptions& options, std::size_t count,
               const Due& due) {
  const SystemClock clock;
  const grants::KeyRing ring = BenchRing();
  const storage::RedisKeys keys(options.key_prefix);
  RedisConnection redis(runtime, clock, options.redis);
  RedisPoolOptions pool{.redis = options.redis, .connections = 1};
  storage::RedisCalls calls(
      std::make_unique<SingleRedis>(runtime, clock, std::move(pool), std::nullopt),
      options.redis->command_timeout);
  storage::IndexKey index_key(calls, keys, ring);
  const auto names = RunBlocking(runtime, index_key.Get());
  if (!names.ok()) {
    std::fprintf(stderr, "%s\n", names.status().ToString().c_str());
    std::exit(1);
  }
  const auto milliseconds = [](absl::Time time) {
    return std::to_string(absl::ToUnixMillis(time));
  };
  for (std::size_t written = 0; written < count;) {
    std::vector<RedisCommand> commands;
    for (std::size_t i = 0; i < kGrantsAtOnce && written < count; ++i, ++written) {
      const absl::Time when =
          written < due.count
              ? due.first + absl::Seconds(static_cast<double>(written) / due.per_second)
              : due.first + absl::Hours(24);
      const grants::Grant grant = GrantDueAt(when, clock.Now());
      const std::string key = keys.Grant(grant.id);
      const int shard = storage::ShardOf(grant.id);
      const std::string used = std::to_string(absl::ToUnixMicros(grant.last_used_at));
      const std::string created = std::to_string(absl::ToUnixMicros(grant.created_at));
      commands.push_back({"HSET", key, "generation", "1", "fence", "0", "state", "active", "record",
                          ring.Seal(grants::SerializeGrant(grant), {.name = key, .generation = 1}),
                          "change", RandomToken(16)});
      commands.push_back({"PEXPIREAT", key, milliseconds(*grant.ends_at)});
      commands.push_back({"ZADD", keys.Used(shard), used, grant.id});
      commands.push_back({"ZADD", keys.Due(shard), milliseconds(when), grant.id});
      commands.push_back(
          {"ZADD", keys.DueShards(), "LT", milliseconds(when), std::to_string(shard)});
      for (const std::string& index : storage::IndexesOf(grant, keys, **names)) {
        commands.push_back({"ZADD", index, created, grant.id});
        commands.push_back({"PEXPIREAT", index, milliseconds(*grant.ends_at)});
      }
    }
    const auto replies =
        RunBlocking(runtime, redis.Commands(std::move(commands), absl::InfiniteFuture()));
    if (!replies.ok()) {
      std::fprintf(stderr, "%s\n", replies.status().ToString().c_str());
      std::exit(1);
    }
  }
}

}  // namespace tokenbroker::bench
