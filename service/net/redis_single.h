// One Redis server that takes the writes: always the same, or whichever Sentinels name.
#pragma once

#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/mutex.h"
#include "net/redis_pool.h"
#include "net/redis_replica_census.h"
#include "net/redis_sentinels.h"
#include "net/redis_servers.h"
#include "net/runtime.h"

namespace tokenbroker {

// See RedisServers. Thread-safe.
class SingleRedis final : public RedisServers {
 public:
  // Starts to connect. Borrows `runtime` and `clock`. With `sentinels`, theirs is the address, and
  // every connection follows them.
  SingleRedis(Runtime& runtime, const Clock& clock, RedisPoolOptions options,
              const std::optional<RedisSentinelOptions>& sentinels);
  ~SingleRedis() override;

  asio::awaitable<std::vector<RedisResult>> Send(std::size_t affinity,
                                                 std::vector<RedisRequest> requests) override;
  std::unique_ptr<RedisListening> Listen(RedisSubscription subscription,
                                         RedisSubscriberCallbacks callbacks) override;

 private:
  class Following;
  // Those that listen now, shared with them.
  struct Listeners;

  Runtime& runtime_;
  const Clock& clock_;
  const std::shared_ptr<RedisSentinels> sentinels_;   // null without
  const std::shared_ptr<RedisReplicaCensus> census_;  // null where nobody needs it
  const std::shared_ptr<const RedisOptions> options_;
  const std::shared_ptr<RedisPool> pool_;
  const std::shared_ptr<Listeners> listeners_;
};

}  // namespace tokenbroker
