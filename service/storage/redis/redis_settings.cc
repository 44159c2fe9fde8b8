#include "storage/redis/redis_settings.h"

#include <cstdint>
#include <string_view>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::storage {
namespace {

// The value of a setting in what CONFIG GET says: its name and its value.
std::optional<std::string> ValueOf(const absl::StatusOr<RedisReply>& reply) {
  const auto* parts = reply.ok() ? reply->Array() : nullptr;
  if (parts == nullptr || parts->size() != 2 || (*parts)[1].String() == nullptr) {
    return std::nullopt;
  }
  return *(*parts)[1].String();
}

// The value of a field in what INFO says: lines of `name:value`.
std::optional<std::string> FieldOf(const absl::StatusOr<RedisReply>& reply, std::string_view name) {
  const std::string* text = reply.ok() ? reply->String() : nullptr;
  if (text == nullptr) return std::nullopt;
  const std::string start = std::string("\n").append(name).append(":");
  const auto at = text->find(start);
  if (at == std::string::npos) return std::nullopt;
  const auto begin = at + start.size();
  return text->substr(begin, text->find_first_of("\r\n", begin) - begin);
}

std::optional<bool> IsOneOf(const std::optional<std::string>& value, std::string_view yes) {
  if (!value) return std::nullopt;
  return *value == yes;
}

bool MeansThatRedisIsAway(const absl::Status& status) {
  return HasReason(status, Reason::kStoreUnavailable) &&
         !MetadataOf(status).contains("redis_error");
}

}  // namespace

std::vector<std::string> WarningsOf(const RedisSettings& settings) {
  std::vector<std::string> warnings;
  if (settings.eviction && *settings.eviction != "noeviction") {
    warnings.push_back("maxmemory-policy is " + *settings.eviction +
                       ": an evicted grant is a lost sign-in; set noeviction");
  }
  if (settings.append_only == false && settings.snapshots == "") {
    warnings.push_back(
        "nothing is written to disk (appendonly no, no save points): a restart loses every grant");
  } else if (settings.append_only == false) {
    warnings.push_back(
        "appendonly is no: a crash loses what was refreshed since the last snapshot, and with it "
        "grants whose refresh token was rotated");
  }
  return warnings;
}

Task<RedisSettings> ReadSettings(RedisCalls& calls) {
  std::vector<RedisCall> questions;
  for (const char* name : {"maxmemory-policy", "save", "appendonly"}) {
    questions.push_back(RedisCall::Keyless({"CONFIG", "GET", name}));
  }
  for (const char* section : {"memory", "persistence"}) {
    questions.push_back(RedisCall::Keyless({"INFO", section}));
  }
  const std::vector<absl::StatusOr<RedisReply>> answers =
      co_await calls.MakeEach(0, std::move(questions));
  for (const absl::StatusOr<RedisReply>& answer : answers) {
    if (MeansThatRedisIsAway(answer.status())) co_return answer.status();
  }
  RedisSettings settings;
  settings.eviction = ValueOf(answers[0]);
  settings.snapshots = ValueOf(answers[1]);
  settings.append_only = IsOneOf(ValueOf(answers[2]), "yes");
  if (!settings.eviction) settings.eviction = FieldOf(answers[3], "maxmemory_policy");
  if (!settings.append_only)
    settings.append_only = IsOneOf(FieldOf(answers[4], "aof_enabled"), "1");
  co_return settings;
}

Task<absl::Time> ReadClock(RedisCalls& calls) {
  std::vector<RedisCall> question;
  question.push_back(RedisCall::Keyless({"TIME"}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> answer,
                      co_await calls.Make(0, std::move(question)));
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words, WordsOf(answer.front()));
  std::int64_t seconds = 0;
  std::int64_t microseconds = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[0], &seconds) ||
      !absl::SimpleAtoi(words[1], &microseconds)) {
    co_return Error(Reason::kInternal, {{"redis", "TIME"}});
  }
  co_return absl::FromUnixSeconds(seconds) + absl::Microseconds(microseconds);
}

}  // namespace tokenbroker::storage
