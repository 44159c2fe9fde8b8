// How many replicas could take the place of a primary that Sentinels watch over.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "asio/steady_timer.hpp"
#include "base/clock.h"
#include "base/mutex.h"
#include "net/redis_connection.h"
#include "net/redis_sentinel_view.h"
#include "net/redis_session.h"
#include "net/runtime.h"

namespace tokenbroker {

// Asks all Sentinels twice a second, each over a connection of its own. Any of them may lead a
// failover and goes by its own view: so what each says counts, the highest number is taken, and a
// replica is left out only where most Sentinels have been heard. One that has just connected to a
// replica, or has just followed another primary, does not know better than that it is there: so a
// replica is left out where that has been said four times in a row. Thread-safe.
class RedisReplicaCensus : public std::enable_shared_from_this<RedisReplicaCensus> {
 public:
  // Starts to ask, until Close(). Borrows `runtime` and `clock`. `sentinels`: how to reach each.
  static std::shared_ptr<RedisReplicaCensus> Start(
      Runtime& runtime, const Clock& clock, std::string master_name,
      const std::vector<std::shared_ptr<const RedisOptions>>& sentinels);
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // RedisSentinelView::promotable of the primary at `host` and `port`. Nothing where fewer than
  // half of the Sentinels have said within the last three seconds that it is the primary.
  std::optional<int> Promotable(const std::string& host, const std::string& port)
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  using Time = std::chrono::steady_clock::time_point;
  struct Sentinel {
    std::shared_ptr<RedisConnection> connection;  // null after Close()
    std::unique_ptr<asio::steady_timer> timer;
    std::deque<RedisSentinelView> views;  // of one primary, the latest last
    Time seen = {};
  };

  static int PromotableOf(const std::deque<RedisSentinelView>& views);

  explicit RedisReplicaCensus(std::string master_name) : master_name_(std::move(master_name)) {}

  void Ask(std::size_t number) ABSL_LOCKS_EXCLUDED(mutex_);
  void Take(std::size_t number, const absl::StatusOr<std::vector<RedisReply>>& replies)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void AskLater(std::size_t number) ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string master_name_;

  Mutex mutex_;
  std::vector<Sentinel> sentinels_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker
