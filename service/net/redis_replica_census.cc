#include "net/redis_replica_census.h"

#include <algorithm>
#include <utility>

namespace tokenbroker {
namespace {

constexpr std::chrono::milliseconds kBetweenQuestions(500);
constexpr std::chrono::seconds kLongestSilence(3);
constexpr std::size_t kInARow = 4;

}  // namespace

std::shared_ptr<RedisReplicaCensus> RedisReplicaCensus::Start(
    Runtime& runtime, const Clock& clock, std::string master_name,
    const std::vector<std::shared_ptr<const RedisOptions>>& sentinels) {
  std::shared_ptr<RedisReplicaCensus> census(new RedisReplicaCensus(std::move(master_name)));
  {
    const MutexLock lock(census->mutex_);
    for (const auto& options : sentinels) {
      Sentinel sentinel;
      sentinel.connection = std::make_shared<RedisConnection>(runtime, clock, options);
      sentinel.timer = std::make_unique<asio::steady_timer>(runtime.executor());
      census->sentinels_.push_back(std::move(sentinel));
    }
  }
  for (std::size_t i = 0; i < sentinels.size(); ++i) census->Ask(i);
  return census;
}

void RedisReplicaCensus::Close() {
  std::vector<std::shared_ptr<RedisConnection>> ended;
  const MutexLock lock(mutex_);
  for (Sentinel& sentinel : sentinels_) {
    ended.push_back(std::exchange(sentinel.connection, nullptr));
    sentinel.timer->cancel();
  }
}

std::optional<int> RedisReplicaCensus::Promotable(const std::string& host,
                                                  const std::string& port) {
  const Time oldest = std::chrono::steady_clock::now() - kLongestSilence;
  std::size_t heard = 0;
  int most = 0;
  const MutexLock lock(mutex_);
  for (const Sentinel& sentinel : sentinels_) {
    if (sentinel.views.empty() || sentinel.seen < oldest) continue;
    if (sentinel.views.back().host != host || sentinel.views.back().port != port) continue;
    ++heard;
    most = std::max(most, PromotableOf(sentinel.views));
  }
  if (2 * heard <= sentinels_.size()) return std::nullopt;
  return most;
}

int RedisReplicaCensus::PromotableOf(const std::deque<RedisSentinelView>& views) {
  int most = 0;
  for (const RedisSentinelView& view : views) {
    most = std::max(most, views.size() < kInARow ? view.known : view.promotable);
  }
  return most;
}

void RedisReplicaCensus::Ask(std::size_t number) {
  std::shared_ptr<RedisConnection> connection;
  {
    const MutexLock lock(mutex_);
    connection = sentinels_[number].connection;
  }
  if (connection == nullptr) return;
  // The replicas first: the primary that is named afterwards was theirs then.
  std::vector<RedisCommand> questions = {{"SENTINEL", "REPLICAS", master_name_},
                                         {"SENTINEL", "MASTER", master_name_}};
  connection->Start(
      std::move(questions),
      [weak = weak_from_this(), number](const absl::StatusOr<std::vector<RedisReply>>& replies) {
        const auto self = weak.lock();
        if (self == nullptr) return;
        self->Take(number, replies);
        self->AskLater(number);
      },
      {});
}

void RedisReplicaCensus::Take(std::size_t number,
                              const absl::StatusOr<std::vector<RedisReply>>& replies) {
  if (!replies.ok()) return;
  std::optional<RedisSentinelView> view = ReadSentinelView((*replies)[1], (*replies)[0]);
  const MutexLock lock(mutex_);
  Sentinel& sentinel = sentinels_[number];
  std::deque<RedisSentinelView>& views = sentinel.views;
  sentinel.seen = std::chrono::steady_clock::now();
  if (!view ||
      (!views.empty() && (view->host != views.back().host || view->port != views.back().port))) {
    views.clear();
  }
  if (!view) return;
  views.push_back(*std::move(view));
  if (views.size() > kInARow) views.pop_front();
}

void RedisReplicaCensus::AskLater(std::size_t number) {
  const MutexLock lock(mutex_);
  Sentinel& sentinel = sentinels_[number];
  if (sentinel.connection == nullptr) return;
  sentinel.timer->expires_after(kBetweenQuestions);
  sentinel.timer->async_wait([weak = weak_from_this(), number](asio::error_code cancelled) {
    const auto self = weak.lock();
    if (!cancelled && self != nullptr) self->Ask(number);
  });
}

}  // namespace tokenbroker
