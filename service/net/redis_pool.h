// The connections to one Redis server.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "asio/cancellation_signal.hpp"
#include "base/clock.h"
#include "net/completion.h"
#include "net/redis_connection.h"
#include "net/redis_replicated_writes.h"
#include "net/redis_session.h"
#include "net/runtime.h"

namespace tokenbroker {

struct RedisPoolOptions {
  std::shared_ptr<const RedisOptions> redis;
  std::size_t connections = 4;
  RedisReplication replication = {};
};

// Thread-safe.
class RedisPool {
 public:
  // Starts to connect. Borrows `runtime` and `clock`.
  RedisPool(Runtime& runtime, const Clock& clock, const RedisPoolOptions& options);

  // RedisConnection::Start on the connection that belongs to `affinity`.
  void Start(std::size_t affinity, std::vector<RedisCommand> commands,
             Completion<std::vector<RedisReply>> done, asio::cancellation_slot slot);
  // The same for writes whose answer waits for replicas: RedisReplicatedWrites::Start. Without
  // replication like Start.
  void StartReplicated(std::size_t affinity, std::vector<RedisCommand> commands,
                       Completion<std::vector<RedisReply>> done, asio::cancellation_slot slot);

  // Leaves the server and finds it anew with every connection.
  void Reconnect();

  // Whether any connection can be asked right now. A hint.
  bool connected() const;

 private:
  std::vector<std::unique_ptr<RedisConnection>> connections_;
  std::shared_ptr<RedisReplicatedWrites> replicated_;  // null without replication
};

}  // namespace tokenbroker
