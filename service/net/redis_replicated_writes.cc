#include "net/redis_replicated_writes.h"

#include <algorithm>
#include <string>
#include <utility>

#include "base/error.h"
#include "net/delivery.h"
#include "net/redis_replication_info.h"

namespace tokenbroker {
namespace {

absl::Status GoneMeanwhile() {
  return WithDelivery(Error(Reason::kShuttingDown), Delivery::kUnknown, "shutdown");
}

// For a wait that takes its whole time, since how many to wait for will be known at its end.
constexpr int kMoreThanThereAre = 1000;

// Nothing was written, so there is nothing to wait for.
bool IsRefused(const std::vector<RedisReply>& replies) {
  return std::ranges::all_of(replies,
                             [](const RedisReply& reply) { return reply.Error() != nullptr; });
}

}  // namespace

bool Waits(const RedisReplication& replication) {
  return replication.wait_replicas ? *replication.wait_replicas > 0
                                   : replication.promotable != nullptr;
}

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

std::optional<int> RedisReplicatedWrites::Required() const {
  return replication_.wait_replicas ? replication_.wait_replicas : replication_.promotable();
}

void RedisReplicatedWrites::StartWait() {
  const std::optional<int> required = Required();
  int wanted = required.value_or(kMoreThanThereAre);
  {
    const MutexLock lock(mutex_);
    current_ = std::exchange(next_, {});
    wanted = std::max(wanted, confirming_);
  }
  std::vector<RedisCommand> commands = {
      {"WAIT", std::to_string(wanted),
       std::to_string(absl::ToInt64Milliseconds(replication_.wait_timeout))}};
  if (!replication_.wait_replicas) commands.push_back({"INFO", "replication"});
  connection_.Start(
      std::move(commands),
      [weak = weak_from_this(), required](absl::StatusOr<std::vector<RedisReply>> result) {
        if (const auto self = weak.lock()) self->EndWait(required, std::move(result));
      },
      {});
}

bool RedisReplicatedWrites::IsEnough(std::optional<int> required,
                                     const std::vector<RedisReply>& replies) {
  const std::int64_t* const have = replies[0].Integer();
  if (have == nullptr) return false;
  if (replication_.wait_replicas) return *have >= *replication_.wait_replicas;
  // A user who may not read it goes by the others' view alone.
  const std::string* const text = replies[1].String();
  const int confirming = text == nullptr ? 0 : ConfirmingReplicas(*text);
  {
    const MutexLock lock(mutex_);
    confirming_ = confirming;
  }
  const std::optional<int> now = Required();
  return now && *have >= std::max({*now, required.value_or(0), confirming});
}

void RedisReplicatedWrites::EndWait(std::optional<int> required,
                                    absl::StatusOr<std::vector<RedisReply>> result) {
  const bool too_few = result.ok() && !IsEnough(required, *result);
  std::vector<Answered> ended;
  bool more = false;
  {
    const MutexLock lock(mutex_);
    ended = std::exchange(current_, {});
    more = waiting_ = !next_.empty();
  }
  if (more) StartWait();
  const std::uint64_t session = connection_.sessions();
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
