#include "net/redis_connection.h"

#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "net/completion.h"
#include "net/redis_pipeline.h"

namespace tokenbroker {

RedisConnection::RedisConnection(Runtime& runtime, const Clock& clock,
                                 std::shared_ptr<const RedisOptions> options)
    : pipeline_(RedisPipeline::Start(runtime, std::move(options))), clock_(clock) {}

RedisConnection::~RedisConnection() { pipeline_->Shutdown(); }

bool RedisConnection::connected() const { return pipeline_->connected(); }

std::uint64_t RedisConnection::sessions() const { return pipeline_->sessions(); }

void RedisConnection::Reconnect() { pipeline_->Reconnect(); }

void RedisConnection::Start(std::vector<RedisCommand> commands,
                            Completion<std::vector<RedisReply>> done,
                            asio::cancellation_slot slot) {
  auto batch = std::make_shared<RedisBatch>();
  batch->expected = commands.size();
  for (RedisCommand& command : commands) {
    absl::Status status = EncodeRedisCommand(std::move(command), batch->bytes);
    if (!status.ok()) return done(std::move(status));
  }
  batch->done = std::move(done);
  pipeline_->Submit(std::move(batch), absl::InfiniteDuration(), slot);
}

Task<RedisReply> RedisConnection::Command(RedisCommand command, absl::Time deadline) {
  std::vector<RedisCommand> commands;
  commands.push_back(std::move(command));
  CO_ASSIGN_OR_RETURN(std::vector<RedisReply> replies,
                      co_await Commands(std::move(commands), deadline));
  co_return std::move(replies.front());
}

Task<std::vector<RedisReply>> RedisConnection::Commands(std::vector<RedisCommand> commands,
                                                        absl::Time deadline) {
  const absl::Duration timeout = deadline - clock_.Now();
  auto batch = std::make_shared<RedisBatch>();
  batch->expected = commands.size();
  for (RedisCommand& command : commands) {
    CO_RETURN_IF_ERROR(EncodeRedisCommand(std::move(command), batch->bytes));
  }
  if (batch->expected == 0) co_return std::vector<RedisReply>();
  // What waits does not own what it waits for: the pipeline keeps the waiting coroutine, and the
  // runtime's pending operations keep the pipeline, so that stopping the runtime frees all three.
  auto start = [pipeline = pipeline_, batch = std::move(batch), timeout](
                   Completion<std::vector<RedisReply>> done, asio::cancellation_slot slot) mutable {
    batch->done = std::move(done);
    pipeline->Submit(std::move(batch), timeout, slot);
  };
  co_return co_await AwaitCompletion<std::vector<RedisReply>>(std::move(start));
}

}  // namespace tokenbroker
