// The working part of RedisCluster: which servers there are, and the connections to them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/status.h"
#include "asio/any_io_executor.hpp"
#include "asio/steady_timer.hpp"
#include "asio/strand.hpp"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/backoff.h"
#include "net/completion.h"
#include "net/redis_cluster.h"
#include "net/redis_pool.h"
#include "net/redis_slot_map.h"
#include "net/runtime.h"

namespace tokenbroker {

// Thread-safe.
class RedisClusterNodes : public std::enable_shared_from_this<RedisClusterNodes> {
 public:
  using MapPtr = std::shared_ptr<const RedisSlotMap>;

  // Starts to read the map of slots, and goes on until Close().
  static std::shared_ptr<RedisClusterNodes> Start(Runtime& runtime, const Clock& clock,
                                                  RedisPoolOptions pool,
                                                  RedisClusterOptions options);
  void Close();

  // The map that was read last. While the first is being read it is waited for; while the next
  // attempt is due only later: STORE_UNAVAILABLE with NOT_SENT and RetryInfo.
  Task<MapPtr> Map() ABSL_LOCKS_EXCLUDED(mutex_);
  // Reads it anew, soon.
  void Refresh();

  // The connections to `node`, which are made where there are none.
  std::shared_ptr<RedisPool> PoolOf(const RedisNode& node) ABSL_LOCKS_EXCLUDED(mutex_);
  // A primary of `map` that can be asked right now, if any can; null where there is none at all.
  const RedisNode* AnyOf(const RedisSlotMap& map);
  // RedisReplication::promotable of `node`.
  std::optional<int> PromotableOf(const RedisNode& node) ABSL_LOCKS_EXCLUDED(mutex_);
  // How a server is reached.
  std::shared_ptr<const RedisOptions> OptionsOf(const RedisNode& node) const;

  Runtime& runtime() { return runtime_; }
  const Clock& clock() const { return clock_; }

  // Calls `follow` with the map that there is, if any, and with each that differs from the one
  // before; never two at a time. Until StopFollowing() has returned.
  using Follow = std::function<void(const RedisSlotMap&)>;
  void StartFollowing(const void* who, Follow follow) ABSL_LOCKS_EXCLUDED(follow_mutex_);
  void StopFollowing(const void* who) ABSL_LOCKS_EXCLUDED(follow_mutex_);

 private:
  RedisClusterNodes(Runtime& runtime, const Clock& clock, RedisPoolOptions pool,
                    RedisClusterOptions options);

  static asio::awaitable<void> Run(std::shared_ptr<RedisClusterNodes> self);
  // Asks one server after the other, first those that the last map names.
  Task<RedisSlotMap> ReadMap();
  Task<RedisReply> AskPool(std::shared_ptr<RedisPool> pool);
  Task<RedisReply> AskSeed(RedisNode seed);
  void Adopt(RedisSlotMap map) ABSL_LOCKS_EXCLUDED(mutex_, follow_mutex_);
  // Tells those who wait for the first map that it is not there yet.
  void Disappoint(absl::Duration retry_after) ABSL_LOCKS_EXCLUDED(mutex_);

  // Constant after construction.
  Runtime& runtime_;
  const Clock& clock_;
  const RedisPoolOptions pool_options_;
  const RedisClusterOptions options_;
  const asio::strand<asio::any_io_executor> strand_;

  // On the strand.
  asio::steady_timer timer_;
  bool wanted_ = false;   // a refresh, before its time
  bool pausing_ = false;  // until it is time for one
  Backoff backoff_;
  std::size_t first_ = 0;  // of the primaries, to be asked

  Mutex mutex_;
  bool closed_ ABSL_GUARDED_BY(mutex_) = false;
  bool refreshing_ ABSL_GUARDED_BY(mutex_) = false;  // asked for
  MapPtr map_ ABSL_GUARDED_BY(mutex_);               // null before the first
  bool reading_ ABSL_GUARDED_BY(mutex_) = true;      // the first, right now
  absl::Time next_attempt_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::vector<Completion<MapPtr>> waiting_ ABSL_GUARDED_BY(mutex_);  // for the first
  std::map<RedisNode, std::shared_ptr<RedisPool>> pools_ ABSL_GUARDED_BY(mutex_);

  Mutex follow_mutex_;  // held while one of them runs; taken before mutex_
  std::map<const void*, Follow> followers_ ABSL_GUARDED_BY(follow_mutex_);
};

}  // namespace tokenbroker
