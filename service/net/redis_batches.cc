#include "net/redis_batches.h"

#include <utility>

#include "absl/base/thread_annotations.h"
#include "asio/cancellation_signal.hpp"
#include "base/error.h"
#include "base/mutex.h"
#include "net/completion.h"

namespace tokenbroker {
namespace {

// The results as they come in, from several strands.
class Gathering {
 public:
  Gathering(std::size_t results, std::size_t batches, Completion<std::vector<RedisResult>> done)
      : signals_(batches), results_(results), missing_(batches), done_(std::move(done)) {}

  void Take(const std::vector<std::size_t>& places, bool asking,
            absl::StatusOr<std::vector<RedisReply>> replies) {
    {
      const MutexLock lock(mutex_);
      for (std::size_t i = 0; i < places.size(); ++i) {
        RedisResult& result = results_[places[i]];
        if (!replies.ok()) {
          result = replies.status();
        } else {
          result = std::move((*replies)[asking ? 2 * i + 1 : i]);
        }
      }
      if (--missing_ > 0) return;
    }
    Complete();
  }

  // On the executor of whoever waits, as all use of the signals.
  asio::cancellation_slot SlotOf(std::size_t batch) { return signals_[batch].slot(); }
  void Cancel(asio::cancellation_type type) {
    for (asio::cancellation_signal& signal : signals_) signal.emit(type);
  }

 private:
  void Complete() ABSL_NO_THREAD_SAFETY_ANALYSIS { done_(std::move(results_)); }

  std::vector<asio::cancellation_signal> signals_;
  Mutex mutex_;
  std::vector<RedisResult> results_ ABSL_GUARDED_BY(mutex_);
  std::size_t missing_ ABSL_GUARDED_BY(mutex_);
  Completion<std::vector<RedisResult>> done_;
};

void StartBatch(std::size_t affinity, RedisPoolBatch batch, std::size_t number,
                const std::shared_ptr<Gathering>& gathering) {
  std::vector<RedisCommand> commands;
  if (batch.asking) {
    for (RedisCommand& command : batch.commands) {
      commands.push_back({"ASKING"});
      commands.push_back(std::move(command));
    }
  } else {
    commands = std::move(batch.commands);
  }
  auto take = [gathering, places = std::move(batch.places),
               asking = batch.asking](absl::StatusOr<std::vector<RedisReply>> replies) {
    gathering->Take(places, asking, std::move(replies));
  };
  const asio::cancellation_slot slot = gathering->SlotOf(number);
  if (batch.replicated) {
    batch.pool->StartReplicated(affinity, std::move(commands), std::move(take), slot);
  } else {
    batch.pool->Start(affinity, std::move(commands), std::move(take), slot);
  }
}

}  // namespace

asio::awaitable<std::vector<RedisResult>> SendRedisBatches(std::size_t affinity,
                                                           std::vector<RedisPoolBatch> batches,
                                                           std::size_t count) {
  if (batches.empty()) co_return std::vector<RedisResult>();
  auto start = [affinity, count, batches = std::move(batches)](
                   Completion<std::vector<RedisResult>> done,
                   asio::cancellation_slot slot) mutable {
    auto gathering = std::make_shared<Gathering>(count, batches.size(), std::move(done));
    if (slot.is_connected()) {
      slot.assign([weak = std::weak_ptr<Gathering>(gathering)](asio::cancellation_type type) {
        if (const auto pending = weak.lock()) pending->Cancel(type);
      });
    }
    std::vector<RedisPoolBatch> started = std::exchange(batches, {});
    for (std::size_t i = 0; i < started.size(); ++i) {
      StartBatch(affinity, std::move(started[i]), i, gathering);
    }
  };
  absl::StatusOr<std::vector<RedisResult>> results =
      co_await AwaitCompletion<std::vector<RedisResult>>(std::move(start));
  if (!results.ok()) co_return std::vector<RedisResult>(count, results.status());
  co_return *std::move(results);
}

}  // namespace tokenbroker
