#include "net/redis_replicated_writes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "net/delivery.h"

namespace tokenbroker {
namespace {

absl::Status GoneMeanwhile() {
  return WithDelivery(Error(Reason::kShuttingDown), Delivery::kUnknown, "shutdown");
}

// Nothing was written, so there is nothing to wait for.
bool IsRefused(const std::vector<RedisReply>& replies) {
  return std::ranges::all_of(replies,
                             [](const RedisReply& reply) { return reply.Error() != nullptr; });
}

}  // namespace

RedisReplicatedWrites::RedisReplicatedWrites(Runtime& runtime, const Clock& clock,
                                             std::shared_ptr<const RedisOptions> options,
                                             RedisReplication replication)
    : replication_(std::move(replication)), connection_(runtime, clock, std::move(options)) {}

RedisReplicatedWrites::~RedisReplicatedWrites() {
  const MutexLock lock(mutex_);
  for (auto* answered : {&current_, &next_}) {
    for (Answered& one : *answered) one.done(GoneMeanwhile());
  }
}

void RedisReplicatedWrites::Start(std::vector<RedisCommand> commands,
                                  Completion<std::vector<RedisReply>> done,
                                  asio::cancellation_slot slot) {
  connection_.Start(
      std::move(commands),
      [weak = weak_from_this(),
       done = std::move(done)](absl::StatusOr<std::vector<RedisReply>> replies) mutable {
        if (!replies.ok() || IsRefused(*replies)) return done(std::move(replies));
        const auto self = weak.lock();
        if (self == nullptr) return done(GoneMeanwhile());
        // Here the connection is still the one that answered.
        self->WaitFor({*std::move(replies), std::move(done), self->connection_.sessions()});
      },
      slot);
}

void RedisReplicatedWrites::WaitFor(Answered answered) {
  {
    const MutexLock lock(mutex_);
    next_.push_back(std::move(answered));
    if (std::exchange(waiting_, true)) return;
  }
  StartWait();
}

void RedisReplicatedWrites::StartWait() {
  {
    const MutexLock lock(mutex_);
    current_ = std::exchange(next_, {});
  }
  std::vector<RedisCommand> wait = {
      {"WAIT", std::to_string(replication_.wait_replicas),
       std::to_string(absl::ToInt64Milliseconds(replication_.wait_timeout))}};
  connection_.Start(std::move(wait),
                    [weak = weak_from_this()](absl::StatusOr<std::vector<RedisReply>> result) {
                      if (const auto self = weak.lock()) self->EndWait(std::move(result));
                    },
                    {});
}

bool RedisReplicatedWrites::IsEnough(const RedisReply& waited) const {
  const std::int64_t* const replicas = waited.Integer();
  return replicas != nullptr && *replicas >= replication_.wait_replicas;
}

void RedisReplicatedWrites::EndWait(absl::StatusOr<std::vector<RedisReply>> result) {
  std::vector<Answered> ended;
  bool more = false;
  {
    const MutexLock lock(mutex_);
    ended = std::exchange(current_, {});
    more = waiting_ = !next_.empty();
  }
  if (more) StartWait();
  const std::uint64_t session = connection_.sessions();
  const bool too_few = result.ok() && !IsEnough(result->front());
  if (too_few && replication_.on_too_few) replication_.on_too_few();
  for (Answered& answered : ended) {
    if (!result.ok() || answered.session != session) {
      answered.done(WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kUnknown, "closed"));
    } else if (too_few) {
      answered.done(
          WithDelivery(Error(Reason::kStoreUnavailable), Delivery::kUnknown, "too_few_replicas"));
    } else {
      answered.done(std::move(answered.replies));
    }
  }
}

}  // namespace tokenbroker
