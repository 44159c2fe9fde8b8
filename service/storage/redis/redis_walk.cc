#include "storage/redis/redis_walk.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status_macros.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {

Task<std::optional<int>> RedisWalk::ClaimSlice(absl::Time now, absl::Duration interval) {
  std::vector<std::string> keys = {parts_.keys.Walk()};
  std::vector<std::string> arguments = {UnixMilliseconds(now), Milliseconds(interval),
                                        std::to_string(kShards)};
  CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> words,
      co_await parts_.calls.Run(0, scripts::kClaimSlice, std::move(keys), std::move(arguments)));
  if (words[0] == "none") co_return std::nullopt;
  int slice = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &slice) || slice < 0 || slice >= kShards) {
    co_return UnexpectedReply();
  }
  co_return slice;
}

Task<grants::LookedOver> RedisWalk::LookOver(int slice, std::string from, std::size_t limit) {
  std::vector<RedisCall> scan;
  scan.push_back(RedisCall::Command({"ZSCAN", parts_.keys.Used(slice), from.empty() ? "0" : from,
                                     "COUNT", std::to_string(limit)}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> scanned,
                      co_await parts_.calls.Make(AffinityOf(slice), std::move(scan)));
  const auto* answer = scanned.front().Array();
  if (answer == nullptr || answer->size() != 2 || (*answer)[0].String() == nullptr) {
    co_return UnexpectedReply();
  }
  grants::LookedOver found;
  if (*(*answer)[0].String() != "0") found.next = *(*answer)[0].String();
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> entries, StringsOf((*answer)[1]));
  std::vector<RedisCall> calls;
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    calls.push_back(RedisCall::Command({"HGET", parts_.keys.Grant(entries[i]), "state"}));
    calls.push_back(RedisCall::Command({"ZSCORE", parts_.keys.Due(slice), entries[i]}));
  }
  if (calls.empty()) co_return found;
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(AffinityOf(slice), std::move(calls)));
  found.grants = entries.size() / 2;
  for (std::size_t i = 0; i + 1 < replies.size(); i += 2) {
    const std::string& grant_id = entries[i];
    if (replies[i].IsNil()) {
      found.gone.push_back(grant_id);
    } else if (replies[i].String() != nullptr && *replies[i].String() == "active" &&
               replies[i + 1].IsNil()) {
      found.unscheduled.push_back(grant_id);
    }
  }
  co_return found;
}

Task<std::size_t> RedisWalk::ForgetGone(int slice, std::vector<std::string> gone) {
  std::vector<std::string> arguments = {parts_.keys.GrantPrefix(slice)};
  arguments.insert(arguments.end(), gone.begin(), gone.end());
  std::vector<std::string> keys = {parts_.keys.Used(slice), parts_.keys.Due(slice)};
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await parts_.calls.Run(AffinityOf(slice), scripts::kForgetGone,
                                                std::move(keys), std::move(arguments)));
  std::size_t forgotten = 0;
  if (words.size() != 2 || !absl::SimpleAtoi(words[1], &forgotten)) co_return UnexpectedReply();
  co_return forgotten;
}

}  // namespace tokenbroker::storage
