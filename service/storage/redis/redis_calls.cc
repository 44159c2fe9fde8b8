#include "storage/redis/redis_calls.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"

namespace tokenbroker::storage {
namespace {

constexpr absl::Duration kRetryAfter = absl::Seconds(1);

RedisCommand Encode(const RedisCall& call, bool by_hash) {
  if (call.script == nullptr) return call.words;
  RedisCommand command = {by_hash ? "EVALSHA" : "EVAL",
                          std::string(by_hash ? call.script->sha1 : call.script->source)};
  command.insert(command.end(), call.words.begin(), call.words.end());
  return command;
}

std::vector<RedisCommand> EncodeAll(const std::vector<RedisCall>& calls) {
  std::vector<RedisCommand> commands;
  commands.reserve(calls.size());
  for (const RedisCall& call : calls) commands.push_back(Encode(call, /*by_hash=*/true));
  return commands;
}

// Whatever keeps Redis from answering, in the words of grants::GrantStore.
absl::Status AsStoreError(absl::Status status) {
  if (HasReason(status, Reason::kDeadlineExceeded) || HasReason(status, Reason::kLimitReached)) {
    status = Error(Reason::kStoreUnavailable, MetadataOf(status));
  }
  if (HasReason(status, Reason::kStoreUnavailable) && !RetryAfterOf(status)) {
    status = WithRetryAfter(std::move(status), kRetryAfter);
  }
  return status;
}

bool WasLostOnTheWay(const absl::Status& status) {
  return HasReason(status, Reason::kStoreUnavailable) && DeliveryOf(status) == Delivery::kUnknown;
}

bool IsNewToServer(const RedisReply& reply) {
  return reply.Error() != nullptr && reply.Error()->kind == RedisErrorKind::kNoScript;
}

}  // namespace

RedisCall RedisCall::Run(const Script& script, std::vector<std::string> keys,
                         std::vector<std::string> arguments) {
  RedisCall call{&script, {std::to_string(keys.size())}};
  call.words.insert(call.words.end(), std::make_move_iterator(keys.begin()),
                    std::make_move_iterator(keys.end()));
  call.words.insert(call.words.end(), std::make_move_iterator(arguments.begin()),
                    std::make_move_iterator(arguments.end()));
  return call;
}

RedisCalls::RedisCalls(Runtime& runtime, const Clock& clock,
                       std::shared_ptr<const RedisOptions> options, std::size_t connections) {
  for (std::size_t i = 0; i < std::max<std::size_t>(connections, 1); ++i) {
    connections_.push_back(std::make_unique<RedisConnection>(runtime, clock, options));
  }
}

Task<std::vector<RedisReply>> RedisCalls::Make(std::size_t affinity, std::vector<RedisCall> calls) {
  RedisConnection& connection = ConnectionFor(affinity);
  // How long a command may take is in the connection's options.
  absl::StatusOr<std::vector<RedisReply>> replies =
      co_await connection.Commands(EncodeAll(calls), absl::InfiniteFuture());
  if (WasLostOnTheWay(replies.status())) {
    replies = co_await connection.Commands(EncodeAll(calls), absl::InfiniteFuture());
  }
  if (!replies.ok()) co_return AsStoreError(replies.status());

  std::vector<RedisCommand> unknown;
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (IsNewToServer((*replies)[i])) unknown.push_back(Encode(calls[i], /*by_hash=*/false));
  }
  if (!unknown.empty()) {
    absl::StatusOr<std::vector<RedisReply>> known =
        co_await connection.Commands(std::move(unknown), absl::InfiniteFuture());
    if (!known.ok()) co_return AsStoreError(known.status());
    auto next = known->begin();
    for (RedisReply& reply : *replies) {
      if (IsNewToServer(reply)) reply = std::move(*next++);
    }
  }
  for (const RedisReply& reply : *replies) {
    if (reply.Error() != nullptr) co_return AsStoreError(StatusOfRedisError(*reply.Error()));
  }
  co_return std::move(replies);
}

Task<std::vector<std::string>> RedisCalls::Run(std::size_t affinity, const Script& script,
                                               std::vector<std::string> keys,
                                               std::vector<std::string> arguments) {
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Run(script, std::move(keys), std::move(arguments)));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await Make(affinity, std::move(calls)));
  co_return WordsOf(replies.front());
}

absl::StatusOr<std::vector<std::string>> StringsOf(const RedisReply& reply) {
  if (reply.Array() == nullptr) return UnexpectedReply();
  std::vector<std::string> strings;
  for (const RedisReply& element : *reply.Array()) {
    if (element.String() == nullptr) return UnexpectedReply();
    strings.push_back(*element.String());
  }
  return strings;
}

absl::StatusOr<std::vector<std::string>> WordsOf(const RedisReply& reply) {
  ASSIGN_OR_RETURN(std::vector<std::string> words, StringsOf(reply));
  if (words.empty()) return UnexpectedReply();
  return words;
}

absl::Status UnexpectedReply() { return Error(Reason::kInternal, {{"check", "redis_reply"}}); }

}  // namespace tokenbroker::storage
