#include "storage/redis/redis_calls.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>

#include "absl/strings/numbers.h"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "net/delivery.h"
#include "net/redis_slot.h"

namespace tokenbroker::storage {
namespace {

constexpr absl::Duration kRetryAfter = absl::Seconds(1);

// A server about to answer is asked again after this long, and twice that, and so on.
constexpr absl::Duration kFirstPause = absl::Milliseconds(20);
constexpr absl::Duration kLongestPause = absl::Milliseconds(200);

// The first key; nothing for a command without one.
std::optional<std::string_view> KeyOf(const RedisCall& call) {
  if (!call.has_key || call.words.size() < 2) return std::nullopt;
  return call.words[1];
}

bool StaysInOneSlot(const RedisCall& call) {
  std::size_t keys = 0;
  if (call.script == nullptr || !absl::SimpleAtoi(call.words.front(), &keys)) return true;
  for (std::size_t i = 2; i <= keys; ++i) {
    if (RedisHashTagOf(call.words[i]) != RedisHashTagOf(call.words[1])) return false;
  }
  return true;
}

RedisRequest Encode(const RedisCall& call, bool by_hash) {
  RedisRequest request;
  if (const auto key = KeyOf(call)) request.key = *key;
  request.replicated = call.replicated;
  if (call.script == nullptr) {
    request.command = call.words;
    return request;
  }
  request.command.reserve(2 + call.words.size());
  request.command.emplace_back(by_hash ? "EVALSHA" : "EVAL");
  request.command.emplace_back(by_hash ? call.script->sha1 : call.script->source);
  request.command.insert(request.command.end(), call.words.begin(), call.words.end());
  return request;
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

bool WasLostOnTheWay(const RedisResult& result) {
  return HasReason(result.status(), Reason::kStoreUnavailable) &&
         DeliveryOf(result.status()) == Delivery::kUnknown;
}

bool IsError(const RedisResult& result, RedisErrorKind kind) {
  return result.ok() && result->Error() != nullptr && result->Error()->kind == kind;
}

// Redis did nothing, and is about to be able to.
bool AsksForPatience(const RedisResult& result) {
  return IsError(result, RedisErrorKind::kTryAgain) ||
         IsError(result, RedisErrorKind::kClusterDown) || IsError(result, RedisErrorKind::kLoading);
}

asio::awaitable<void> Pause(absl::Duration duration) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(absl::ToChronoNanoseconds(duration));
  asio::error_code cancelled;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, cancelled));
}

// A call that has not been answered yet.
struct Open {
  std::size_t place = 0;  // among all calls
  bool by_hash = true;
  bool sent_twice = false;
};

}  // namespace

RedisCall RedisCall::Run(const Script& script, std::vector<std::string> keys,
                         std::vector<std::string> arguments) {
  RedisCall call{&script, {}};
  call.words.reserve(1 + keys.size() + arguments.size());
  call.words.push_back(std::to_string(keys.size()));
  call.words.insert(call.words.end(), std::make_move_iterator(keys.begin()),
                    std::make_move_iterator(keys.end()));
  call.words.insert(call.words.end(), std::make_move_iterator(arguments.begin()),
                    std::make_move_iterator(arguments.end()));
  return call;
}

RedisCalls::RedisCalls(std::unique_ptr<RedisServers> servers, absl::Duration patience)
    : servers_(std::move(servers)), patience_(patience) {}

asio::awaitable<std::vector<RedisResult>> RedisCalls::MakeEach(std::size_t affinity,
                                                               std::vector<RedisCall> calls) {
  const auto end = std::chrono::steady_clock::now() + absl::ToChronoNanoseconds(patience_);
  std::vector<RedisResult> results(calls.size());
  std::vector<Open> open;
  open.reserve(calls.size());
  for (std::size_t i = 0; i < calls.size(); ++i) {
    if (StaysInOneSlot(calls[i])) {
      open.push_back({.place = i});
    } else {
      results[i] = Error(Reason::kInternal, {{"check", "cross_slot"}});
    }
  }
  absl::Duration pause = kFirstPause;
  while (!open.empty()) {
    std::vector<RedisRequest> requests;
    requests.reserve(open.size());
    for (const Open& call : open) requests.push_back(Encode(calls[call.place], call.by_hash));
    std::vector<RedisResult> got = co_await servers_->Send(affinity, std::move(requests));
    const bool patient = std::chrono::steady_clock::now() < end;
    std::vector<Open> again;
    bool to_pause = false;
    for (std::size_t i = 0; i < open.size(); ++i) {
      Open call = open[i];
      if (call.by_hash && IsError(got[i], RedisErrorKind::kNoScript)) {
        call.by_hash = false;
        again.push_back(call);
      } else if (!call.sent_twice && WasLostOnTheWay(got[i])) {
        call.sent_twice = true;
        again.push_back(call);
      } else if (patient && AsksForPatience(got[i])) {
        to_pause = true;
        again.push_back(call);
      }
      results[call.place] = std::move(got[i]);
    }
    open = std::move(again);
    if (to_pause) co_await Pause(std::exchange(pause, std::min(2 * pause, kLongestPause)));
  }
  for (RedisResult& result : results) {
    if (result.ok() && result->Error() != nullptr) result = StatusOfRedisError(*result->Error());
    if (!result.ok()) result = AsStoreError(result.status());
  }
  co_return results;
}

Task<std::vector<RedisReply>> RedisCalls::Make(std::size_t affinity, std::vector<RedisCall> calls) {
  std::vector<RedisResult> results = co_await MakeEach(affinity, std::move(calls));
  std::vector<RedisReply> replies;
  replies.reserve(results.size());
  for (RedisResult& result : results) {
    if (!result.ok()) co_return std::move(result).status();
    replies.push_back(*std::move(result));
  }
  co_return replies;
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

std::unique_ptr<RedisListening> RedisCalls::Listen(RedisSubscription subscription,
                                                   RedisSubscriberCallbacks callbacks) {
  return servers_->Listen(std::move(subscription), std::move(callbacks));
}

absl::StatusOr<std::vector<std::string>> StringsOf(const RedisReply& reply) {
  if (reply.Array() == nullptr) return UnexpectedReply();
  std::vector<std::string> strings;
  strings.reserve(reply.Array()->size());
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
