// The Redis behind the store, whatever its topology: a single server, the primary that Sentinels
// name, or the primaries of a Cluster.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "net/redis_reply.h"
#include "net/redis_subscriber.h"
#include "net/resp.h"

namespace tokenbroker {

struct RedisRequest {
  // Says which server of a cluster it is for: all keys of the command share its slot (RedisSlotOf).
  // Empty: any server.
  std::string key = {};
  RedisCommand command;
  // The answer waits for replicas, where that is configured (RedisReplication).
  bool replicated = false;
};

using RedisResult = absl::StatusOr<RedisReply>;

// Servers that are being listened to, until it is destroyed. Thread-safe.
class RedisListening {
 public:
  virtual ~RedisListening() = default;

  // Since when no message about `key` has been missed: since when the server that has its slot now
  // is listened to without a gap, by the clock of whatever listens. Nothing while it is not. A
  // server that went silent counts until that is noticed. Not to be called from a callback.
  virtual std::optional<absl::Time> HeardSince(std::string_view key) const = 0;
};

// Thread-safe.
class RedisServers {
 public:
  virtual ~RedisServers() = default;

  // Sends the requests and returns their results in the same order; each is a reply (which may be a
  // RedisError) or an error as of RedisConnection::Command. Requests for one key are carried out in
  // their order, others in any. `affinity` picks one of the connections to each server, so what is
  // sent with the same affinity stays in order too. Suspends: one round trip, more where a cluster
  // is being rearranged.
  virtual asio::awaitable<std::vector<RedisResult>> Send(std::size_t affinity,
                                                         std::vector<RedisRequest> requests) = 0;

  // Listens on every server that takes writes. on_connected is called when all of them are being
  // listened to, on_disconnected when one is not any more. The result must go before this object.
  virtual std::unique_ptr<RedisListening> Listen(RedisSubscription subscription,
                                                 RedisSubscriberCallbacks callbacks) = 0;
};

}  // namespace tokenbroker
