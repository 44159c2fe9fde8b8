#include "support/redis_deployment.h"

#include <cstdio>
#include <cstdlib>
#include <utility>

#include "support/test_certificates.h"

namespace tokenbroker::testing {
namespace {

constexpr char kMaster[] = "tests";

std::string Local(const RedisServer& server) {
  return "127.0.0.1:" + std::to_string(server.port());
}

void Run(const std::string& command) {
  if (std::system((command + " > /dev/null").c_str()) == 0) return;
  std::fprintf(stderr, "failed: %s\n", command.c_str());
  std::abort();
}

}  // namespace

RedisDeployment OneServer(RedisServerOptions options) {
  RedisDeployment deployment;
  deployment.servers.push_back(std::make_unique<RedisServer>(std::move(options)));
  deployment.redis = deployment.servers.front()->Options();
  return deployment;
}

RedisDeployment OneServerOverTcp() {
  RedisDeployment deployment =
      OneServer({.arguments = {"--user", "broker", "on", ">sesame", "~tb:*",
                               "&__redis__:invalidate", "+@read", "+@write", "+@scripting",
                               "+@connection", "+@pubsub", "+client", "+time"}});
  deployment.redis = deployment.servers.front()->TcpOptions();
  deployment.redis->login = []() -> absl::StatusOr<RedisLogin> {
    return RedisLogin{.username = "broker", .password = Secret("sesame")};
  };
  return deployment;
}

RedisDeployment OneServerOverTls() {
  static const TestAuthority authority;
  RedisDeployment deployment =
      OneServer({.tls_authority = &authority, .demand_client_certificate = true});
  deployment.redis = deployment.servers.front()->TlsOptions();
  return deployment;
}

RedisDeployment ServersWithSentinels() {
  RedisDeployment deployment;
  const std::vector<std::string> quick = {"--repl-diskless-sync-delay", "0",
                                          "--repl-ping-replica-period", "1"};
  auto& servers = deployment.servers;
  servers.push_back(std::make_unique<RedisServer>(RedisServerOptions{.arguments = quick}));
  const std::string port = std::to_string(servers.front()->port());
  std::vector<std::string> replica = quick;
  replica.insert(replica.end(), {"--replicaof", "127.0.0.1", port});
  servers.push_back(
      std::make_unique<RedisServer>(RedisServerOptions{.arguments = std::move(replica)}));
  const std::string name = kMaster;
  const std::string settings = "sentinel monitor " + name + " 127.0.0.1 " + port +
                               " 2\nsentinel down-after-milliseconds " + name +
                               " 2000\nsentinel failover-timeout " + name + " 3000\n";
  deployment.sentinel = RedisSentinelOptions{.master_name = name};
  for (int i = 0; i < 3; ++i) {
    auto sentinel = std::make_unique<RedisServer>(RedisServerOptions{.sentinel = settings});
    // They look every ten seconds otherwise. They ping several times within the time after which a
    // server counts as down, or one that has just been promoted would be down before it is asked;
    // and a replica is promoted only where it was looked at within five times this period.
    // After four times the period in which they publish, one that has not heard of a promotion
    // undoes it.
    Run("redis-cli -p " + std::to_string(sentinel->port()) +
        " SENTINEL DEBUG info-period 200 publish-period 750 ping-period 500");
    deployment.sentinel->sentinels.push_back(sentinel->TcpOptions());
    deployment.sentinels.push_back(std::move(sentinel));
  }
  deployment.redis = std::make_shared<RedisOptions>();
  return deployment;
}

RedisDeployment ClusterOfSix() {
  RedisDeployment deployment;
  deployment.cluster = RedisClusterOptions{};
  std::string create = "redis-cli --cluster create";
  for (int i = 0; i < 6; ++i) {
    auto server = std::make_unique<RedisServer>(
        RedisServerOptions{.arguments = {"--repl-diskless-sync-delay", "0"}, .cluster = true});
    create += " " + Local(*server);
    if (i < 2) {
      deployment.cluster->seeds.push_back({.host = "127.0.0.1", .port = server->port()});
    }
    deployment.servers.push_back(std::move(server));
  }
  Run(create + " --cluster-replicas 1 --cluster-yes");
  deployment.redis = std::make_shared<RedisOptions>();
  return deployment;
}

}  // namespace tokenbroker::testing
