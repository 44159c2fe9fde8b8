#include "net/redis_cluster_nodes.h"

#include <algorithm>
#include <utility>

#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

// However often a server says that the map is wrong.
constexpr std::chrono::milliseconds kLeastBetweenRefreshes(50);

absl::Status NoMap(std::string_view cause) {
  return WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kNotSent, cause);
}

RedisCommand Question() { return {"CLUSTER", "SLOTS"}; }

}  // namespace

std::shared_ptr<RedisClusterNodes> RedisClusterNodes::Start(Runtime& runtime, const Clock& clock,
                                                            RedisPoolOptions pool,
                                                            RedisClusterOptions options) {
  std::shared_ptr<RedisClusterNodes> nodes(
      new RedisClusterNodes(runtime, clock, std::move(pool), std::move(options)));
  runtime.SpawnOn(nodes->strand_, Run(nodes));
  return nodes;
}

RedisClusterNodes::RedisClusterNodes(Runtime& runtime, const Clock& clock, RedisPoolOptions pool,
                                     RedisClusterOptions options)
    : runtime_(runtime),
      clock_(clock),
      pool_options_(std::move(pool)),
      options_(std::move(options)),
      strand_(asio::make_strand(runtime.executor())),
      timer_(strand_),
      backoff_(pool_options_.redis->min_reconnect_delay, pool_options_.redis->max_reconnect_delay) {
}

void RedisClusterNodes::Close() {
  std::map<RedisNode, std::shared_ptr<RedisPool>> pools;
  std::vector<Completion<MapPtr>> waiting;
  {
    const MutexLock lock(mutex_);
    closed_ = true;
    // What waits at a connection does not own it: so its end ends what waits.
    pools = std::exchange(pools_, {});
    waiting = std::exchange(waiting_, {});
  }
  for (auto& done : waiting) {
    done(WithDelivery(Error(Reason::kShuttingDown), Delivery::kNotSent, "shutdown"));
  }
  asio::post(strand_, [self = shared_from_this()] { self->timer_.cancel(); });
}

Task<RedisClusterNodes::MapPtr> RedisClusterNodes::Map() {
  {
    const MutexLock lock(mutex_);
    if (map_ != nullptr) co_return map_;
    if (!reading_) {
      const absl::Duration left = next_attempt_ - absl::Now();
      co_return WithRetryAfter(NoMap("cluster"), std::max(left, absl::Milliseconds(1)));
    }
  }
  auto start = [self = shared_from_this()](Completion<MapPtr> done, asio::cancellation_slot) {
    MapPtr read;
    {
      const MutexLock lock(self->mutex_);
      if (self->map_ == nullptr && self->reading_ && !self->closed_) {
        self->waiting_.push_back(std::move(done));
        return;
      }
      read = self->map_;
    }
    if (read != nullptr) return done(std::move(read));
    done(NoMap("cluster"));
  };
  co_return co_await AwaitCompletion<MapPtr>(std::move(start));
}

void RedisClusterNodes::Refresh() {
  {
    const MutexLock lock(mutex_);
    if (std::exchange(refreshing_, true)) return;
  }
  asio::post(strand_, [self = shared_from_this()] {
    self->wanted_ = true;
    if (self->pausing_) self->timer_.cancel();
  });
}

std::shared_ptr<RedisPool> RedisClusterNodes::PoolOf(const RedisNode& node) {
  const MutexLock lock(mutex_);
  std::shared_ptr<RedisPool>& pool = pools_[node];
  if (pool == nullptr) {
    RedisPoolOptions options = pool_options_;
    options.redis = OptionsOf(node);
    options.replication.promotable = [weak = weak_from_this(), node]() -> std::optional<int> {
      const auto self = weak.lock();
      return self == nullptr ? std::nullopt : self->PromotableOf(node);
    };
    pool = std::make_shared<RedisPool>(runtime_, clock_, options);
  }
  return pool;
}

std::optional<int> RedisClusterNodes::PromotableOf(const RedisNode& node) {
  MapPtr map;
  {
    const MutexLock lock(mutex_);
    map = map_;
  }
  const std::optional<int> replicas = map == nullptr ? std::nullopt : map->ReplicasOf(node);
  if (!replicas) return std::nullopt;
  return std::max(*replicas, 1);
}

const RedisNode* RedisClusterNodes::AnyOf(const RedisSlotMap& map) {
  for (const RedisNode& node : map.primaries) {
    if (PoolOf(node)->connected()) return &node;
  }
  return map.primaries.empty() ? nullptr : &map.primaries.front();
}

std::shared_ptr<const RedisOptions> RedisClusterNodes::OptionsOf(const RedisNode& node) const {
  auto options = std::make_shared<RedisOptions>(*pool_options_.redis);
  options->endpoint = TcpEndpoint{.host = node.host,
                                  .port = node.port,
                                  .tls = options_.tls,
                                  .server_name = options_.server_name};
  return options;
}

void RedisClusterNodes::StartFollowing(const void* who, Follow follow) {
  const MutexLock following(follow_mutex_);
  MapPtr map;
  {
    const MutexLock lock(mutex_);
    map = map_;
  }
  if (map != nullptr) follow(*map);
  followers_[who] = std::move(follow);
}

void RedisClusterNodes::StopFollowing(const void* who) {
  const MutexLock following(follow_mutex_);
  followers_.erase(who);
}

asio::awaitable<void> RedisClusterNodes::Run(std::shared_ptr<RedisClusterNodes> self) {
  while (true) {
    absl::StatusOr<RedisSlotMap> map = co_await self->ReadMap();
    absl::Duration pause = self->options_.refresh_interval;
    if (map.ok()) {
      self->backoff_.Reset();
      self->Adopt(*std::move(map));
    } else {
      pause = self->backoff_.Next();
      self->Disappoint(pause);
    }
    self->timer_.expires_after(kLeastBetweenRefreshes);
    asio::error_code cancelled;
    co_await self->timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
    if (!self->wanted_) {
      self->pausing_ = true;
      self->timer_.expires_after(absl::ToChronoNanoseconds(pause));
      co_await self->timer_.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
      self->pausing_ = false;
    }
    // Whoever said that the map is wrong may have it from a server that knows better.
    if (std::exchange(self->wanted_, false)) ++self->first_;
    const MutexLock lock(self->mutex_);
    if (self->closed_) co_return;
    self->refreshing_ = false;
    self->reading_ = true;
  }
}

Task<RedisSlotMap> RedisClusterNodes::ReadMap() {
  MapPtr last;
  {
    const MutexLock lock(mutex_);
    last = map_;
  }
  const std::size_t known = last == nullptr ? 0 : last->primaries.size();
  for (std::size_t i = 0; i < known; ++i) {
    const RedisNode node = last->primaries[(first_ + i) % known];
    std::shared_ptr<RedisPool> pool = PoolOf(node);
    if (!pool->connected()) continue;
    const absl::StatusOr<RedisReply> reply = co_await AskPool(std::move(pool));
    std::optional<RedisSlotMap> map;
    if (reply.ok()) map = ReadSlotMap(*reply, node.host);
    if (map && map->IsComplete()) co_return *std::move(map);
    first_ = (first_ + i + 1) % known;
  }
  // A map with holes is better than none: some keys can be reached.
  std::optional<RedisSlotMap> incomplete;
  for (const RedisNode& seed : options_.seeds) {
    const absl::StatusOr<RedisReply> reply = co_await AskSeed(seed);
    std::optional<RedisSlotMap> map;
    if (reply.ok()) map = ReadSlotMap(*reply, seed.host);
    if (map && map->IsComplete()) co_return *std::move(map);
    if (map && !map->primaries.empty()) incomplete = std::move(map);
    if (!map) Disappoint(absl::Milliseconds(100));
  }
  if (incomplete) co_return *std::move(incomplete);
  co_return NoMap("cluster");
}

Task<RedisReply> RedisClusterNodes::AskPool(std::shared_ptr<RedisPool> pool) {
  auto start = [pool = std::move(pool)](Completion<std::vector<RedisReply>> done,
                                        asio::cancellation_slot slot) mutable {
    const std::shared_ptr<RedisPool> asked = std::exchange(pool, nullptr);
    std::vector<RedisCommand> commands;
    commands.push_back(Question());
    asked->Start(0, std::move(commands), std::move(done), slot);
  };
  CO_ASSIGN_OR_RETURN(std::vector<RedisReply> replies,
                      co_await AwaitCompletion<std::vector<RedisReply>>(std::move(start)));
  co_return std::move(replies.front());
}

Task<RedisReply> RedisClusterNodes::AskSeed(RedisNode seed) {
  std::shared_ptr<const RedisOptions> options = OptionsOf(seed);
  const absl::Duration timeout = options->connect_timeout;
  CO_ASSIGN_OR_RETURN(const std::shared_ptr<RedisSession> session,
                      co_await RedisSession::Open(std::move(options)));
  std::vector<RedisCommand> commands;
  commands.push_back(Question());
  CO_ASSIGN_OR_RETURN(std::vector<RedisReply> replies,
                      co_await RedisSession::AskWithin(timeout, session, std::move(commands)));
  session->Close();
  co_return std::move(replies.front());
}

void RedisClusterNodes::Adopt(RedisSlotMap read) {
  const auto map = std::make_shared<const RedisSlotMap>(std::move(read));
  const MutexLock following(follow_mutex_);
  std::vector<std::shared_ptr<RedisPool>> gone;
  std::vector<Completion<MapPtr>> waiting;
  {
    const MutexLock lock(mutex_);
    if (closed_) return;
    reading_ = false;
    if (map_ != nullptr && *map_ == *map) return;
    map_ = map;
    waiting = std::exchange(waiting_, {});
    for (auto pool = pools_.begin(); pool != pools_.end();) {
      if (std::binary_search(map->primaries.begin(), map->primaries.end(), pool->first)) {
        ++pool;
      } else {
        gone.push_back(std::move(pool->second));
        pool = pools_.erase(pool);
      }
    }
  }
  for (auto& done : waiting) done(MapPtr(map));
  for (const auto& [who, follow] : followers_) follow(*map);
}

void RedisClusterNodes::Disappoint(absl::Duration retry_after) {
  std::vector<Completion<MapPtr>> waiting;
  {
    const MutexLock lock(mutex_);
    if (map_ != nullptr) return;
    reading_ = false;
    next_attempt_ = absl::Now() + retry_after;
    waiting = std::exchange(waiting_, {});
  }
  for (auto& done : waiting) done(WithRetryAfter(NoMap("cluster"), retry_after));
}

}  // namespace tokenbroker
