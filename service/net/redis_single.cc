#include "net/redis_single.h"

#include <algorithm>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "net/redis_batches.h"

namespace tokenbroker {
namespace {

std::shared_ptr<RedisSentinels> SentinelsOf(Runtime& runtime,
                                            const std::optional<RedisSentinelOptions>& options) {
  return options ? RedisSentinels::Create(runtime, *options) : nullptr;
}

std::shared_ptr<RedisReplicaCensus> CensusOf(Runtime& runtime, const Clock& clock,
                                             const RedisReplication& replication,
                                             const std::optional<RedisSentinelOptions>& options) {
  if (!options || replication.wait_replicas) return nullptr;
  return RedisReplicaCensus::Start(runtime, clock, options->master_name, options->sentinels);
}

// RedisReplication::promotable. All replicas that a Sentinel knew of, where too few have said what
// became of them.
std::function<std::optional<int>()> PromotableOf(std::shared_ptr<RedisSentinels> sentinels,
                                                 std::shared_ptr<RedisReplicaCensus> census) {
  if (census == nullptr) return {};
  return [sentinels = std::move(sentinels), census = std::move(census)]() -> std::optional<int> {
    const std::optional<RedisSentinels::Primary> primary = sentinels->Followed();
    if (!primary) return std::nullopt;
    const std::optional<int> counted = census->Promotable(primary->host, primary->port);
    return std::max(counted.value_or(primary->replicas), 1);
  };
}

std::shared_ptr<const RedisOptions> Located(std::shared_ptr<const RedisOptions> options,
                                            std::shared_ptr<RedisSentinels> sentinels) {
  if (sentinels == nullptr) return options;
  auto located = std::make_shared<RedisOptions>(*options);
  located->locator = std::move(sentinels);
  return located;
}

}  // namespace

struct SingleRedis::Listeners {
  void Reconnect() ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    for (RedisSubscriber* subscriber : all) subscriber->Reconnect();
  }

  Mutex mutex;
  std::set<RedisSubscriber*> all ABSL_GUARDED_BY(mutex);
};

class SingleRedis::Following final : public RedisListening {
 public:
  Following(Runtime& runtime, const Clock& clock, std::shared_ptr<const RedisOptions> options,
            RedisSubscription subscription, RedisSubscriberCallbacks callbacks,
            std::shared_ptr<Listeners> listeners)
      : clock_(clock),
        callbacks_(std::move(callbacks)),
        subscriber_(runtime, std::move(options), std::move(subscription), Timed()),
        listeners_(std::move(listeners)) {
    const MutexLock lock(listeners_->mutex);
    listeners_->all.insert(&subscriber_);
  }
  ~Following() override {
    const MutexLock lock(listeners_->mutex);
    listeners_->all.erase(&subscriber_);
  }

  std::optional<absl::Time> HeardSince(std::string_view) const override {
    const MutexLock lock(mutex_);
    return heard_since_;
  }

 private:
  // `callbacks_`, and the time of it.
  RedisSubscriberCallbacks Timed() {
    RedisSubscriberCallbacks timed;
    timed.on_connected = [this] {
      SetHeardSince(clock_.Now());
      callbacks_.on_connected();
    };
    timed.on_disconnected = [this] {
      SetHeardSince(std::nullopt);
      callbacks_.on_disconnected();
    };
    timed.on_message = [this](std::string_view channel, const RedisReply& payload) {
      callbacks_.on_message(channel, payload);
    };
    return timed;
  }

  void SetHeardSince(std::optional<absl::Time> since) ABSL_LOCKS_EXCLUDED(mutex_) {
    const MutexLock lock(mutex_);
    heard_since_ = since;
  }

  const Clock& clock_;
  const RedisSubscriberCallbacks callbacks_;
  mutable Mutex mutex_;
  std::optional<absl::Time> heard_since_ ABSL_GUARDED_BY(mutex_);
  // After what its callbacks use.
  RedisSubscriber subscriber_;
  const std::shared_ptr<Listeners> listeners_;
};

SingleRedis::SingleRedis(Runtime& runtime, const Clock& clock, RedisPoolOptions options,
                         const std::optional<RedisSentinelOptions>& sentinels)
    : runtime_(runtime),
      clock_(clock),
      sentinels_(SentinelsOf(runtime, sentinels)),
      census_(CensusOf(runtime, clock, options.replication, sentinels)),
      options_(Located(options.redis, sentinels_)),
      pool_([&] {
        options.redis = options_;
        options.replication.promotable = PromotableOf(sentinels_, census_);
        return std::make_shared<RedisPool>(runtime, clock, options);
      }()),
      listeners_(std::make_shared<Listeners>()) {
  if (sentinels_ == nullptr) return;
  sentinels_->Watch([pool = std::weak_ptr<RedisPool>(pool_), listeners = listeners_] {
    if (const auto still = pool.lock()) still->Reconnect();
    listeners->Reconnect();
  });
}

SingleRedis::~SingleRedis() {
  if (sentinels_ != nullptr) sentinels_->StopWatching();
  if (census_ != nullptr) census_->Close();
}

asio::awaitable<std::vector<RedisResult>> SingleRedis::Send(std::size_t affinity,
                                                            std::vector<RedisRequest> requests) {
  RedisPoolBatch plain{.pool = pool_};
  RedisPoolBatch replicated{.pool = pool_, .replicated = true};
  for (std::size_t i = 0; i < requests.size(); ++i) {
    RedisPoolBatch& batch = requests[i].replicated ? replicated : plain;
    batch.commands.push_back(std::move(requests[i].command));
    batch.places.push_back(i);
  }
  std::vector<RedisPoolBatch> batches;
  if (!plain.commands.empty()) batches.push_back(std::move(plain));
  if (!replicated.commands.empty()) batches.push_back(std::move(replicated));
  co_return co_await SendRedisBatches(affinity, std::move(batches), requests.size());
}

std::unique_ptr<RedisListening> SingleRedis::Listen(RedisSubscription subscription,
                                                    RedisSubscriberCallbacks callbacks) {
  return std::make_unique<Following>(runtime_, clock_, options_, std::move(subscription),
                                     std::move(callbacks), listeners_);
}

}  // namespace tokenbroker
