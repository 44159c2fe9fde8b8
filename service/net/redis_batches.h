// Requests on their way to several servers at once.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "asio/awaitable.hpp"
#include "net/redis_pool.h"
#include "net/redis_servers.h"

namespace tokenbroker {

// What goes to one server in one piece.
struct RedisPoolBatch {
  std::shared_ptr<RedisPool> pool;
  bool replicated = false;
  bool asking = false;  // each command is led in by ASKING
  std::vector<RedisCommand> commands = {};
  std::vector<std::size_t> places = {};  // of their results among all
};

// Sends all batches at the same time and returns `count` results, each at its place; places that no
// batch has stay INTERNAL. Owns no pool while it waits: what a pool's end breaks off fails with
// SHUTTING_DOWN. Suspends: one round trip.
asio::awaitable<std::vector<RedisResult>> SendRedisBatches(std::size_t affinity,
                                                           std::vector<RedisPoolBatch> batches,
                                                           std::size_t count);

}  // namespace tokenbroker
