#include "net/redis_pool.h"

#include <algorithm>
#include <utility>

namespace tokenbroker {

RedisPool::RedisPool(Runtime& runtime, const Clock& clock, const RedisPoolOptions& options) {
  const auto redis = std::make_shared<RedisOptions>(*options.redis);
  redis->peers = std::make_shared<RedisPeers>();
  for (std::size_t i = 0; i < std::max<std::size_t>(options.connections, 1); ++i) {
    connections_.push_back(std::make_unique<RedisConnection>(runtime, clock, redis));
  }
  if (Waits(options.replication)) {
    replicated_ =
        std::make_shared<RedisReplicatedWrites>(runtime, clock, redis, options.replication);
  }
}

void RedisPool::Start(std::size_t affinity, std::vector<RedisCommand> commands,
                      Completion<std::vector<RedisReply>> done, asio::cancellation_slot slot) {
  connections_[affinity % connections_.size()]->Start(std::move(commands), std::move(done), slot);
}

void RedisPool::StartReplicated(std::size_t affinity, std::vector<RedisCommand> commands,
                                Completion<std::vector<RedisReply>> done,
                                asio::cancellation_slot slot) {
  if (replicated_ == nullptr) {
    return Start(affinity, std::move(commands), std::move(done), slot);
  }
  replicated_->Start(std::move(commands), std::move(done), slot);
}

void RedisPool::Reconnect() {
  for (const auto& connection : connections_) connection->Reconnect();
  if (replicated_ != nullptr) replicated_->Reconnect();
}

bool RedisPool::connected() const {
  return std::any_of(connections_.begin(), connections_.end(),
                     [](const auto& connection) { return connection->connected(); });
}

}  // namespace tokenbroker
