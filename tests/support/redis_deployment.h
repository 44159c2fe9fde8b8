// Redis as its users run it: servers of the test's own in every topology.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "net/redis_cluster.h"
#include "net/redis_sentinels.h"
#include "net/redis_session.h"
#include "support/redis_server.h"

namespace tokenbroker::testing {

struct RedisDeployment {
  std::shared_ptr<RedisOptions> redis;  // how a store reaches it
  std::optional<RedisSentinelOptions> sentinel = {};
  std::optional<RedisClusterOptions> cluster = {};
  std::vector<std::unique_ptr<RedisServer>> servers = {};  // that hold what is stored
  std::vector<std::unique_ptr<RedisServer>> sentinels = {};
};

// One server; reached as `RedisServer::Options` and so on say.
RedisDeployment OneServer(RedisServerOptions options = {});
// As an ACL user with the rights that docs/operations.md asks for, and no more.
RedisDeployment OneServerOverTcp();
RedisDeployment OneServerOverTls();

// A primary, a replica and three Sentinels that replace a primary within about two seconds.
RedisDeployment ServersWithSentinels();

// A cluster of three primaries with a replica each, which replace one within about three seconds.
RedisDeployment ClusterOfSix();

}  // namespace tokenbroker::testing
