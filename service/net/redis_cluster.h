// A Redis Cluster: each key's commands go to the server that has its slot.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "net/redis_pool.h"
#include "net/redis_servers.h"
#include "net/redis_slot_map.h"
#include "net/runtime.h"
#include "net/tls.h"

namespace tokenbroker {

struct RedisClusterOptions {
  std::vector<RedisNode> seeds;  // some of the servers; the others are learned from them
  std::optional<TlsClientOptions> tls = {};
  std::optional<std::string> server_name = {};
  // How old the map of slots may get. Besides, it is read anew when a server says that it is wrong,
  // and when one cannot be reached.
  absl::Duration refresh_interval = absl::Seconds(1);
};

class RedisClusterNodes;

// See RedisServers. MOVED and ASK are followed, so a request that a server did not carry out is
// sent to the one that will. Other errors of a cluster at work (TRYAGAIN, CLUSTERDOWN) are results.
// Thread-safe.
class RedisCluster final : public RedisServers {
 public:
  // Starts to connect. Borrows `runtime` and `clock`. Of `pool`, the endpoint counts for nothing.
  RedisCluster(Runtime& runtime, const Clock& clock, RedisPoolOptions pool,
               RedisClusterOptions options);
  ~RedisCluster() override;

  asio::awaitable<std::vector<RedisResult>> Send(std::size_t affinity,
                                                 std::vector<RedisRequest> requests) override;
  std::unique_ptr<RedisListening> Listen(RedisSubscription subscription,
                                         RedisSubscriberCallbacks callbacks) override;

 private:
  const std::shared_ptr<RedisClusterNodes> nodes_;
};

}  // namespace tokenbroker
