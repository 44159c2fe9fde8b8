#include "storage/redis/redis_limits.h"

#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "base/status_macros.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {

Task<limits::Share> RedisLimits::TakeShare(std::string name, std::optional<limits::Rate> rate,
                                           int wanted) {
  std::vector<std::string> arguments = {std::to_string(wanted), "", "", "0"};
  if (rate) {
    arguments[1] = absl::StrCat(rate->per_second);
    arguments[2] = std::to_string(rate->burst);
  }
  return Run(std::move(name), std::move(arguments));
}

StatusTask RedisLimits::CoolDown(std::string name, absl::Duration duration) {
  std::vector<std::string> arguments = {"0", "", "", Milliseconds(duration)};
  co_return (co_await Run(std::move(name), std::move(arguments))).status();
}

Task<limits::Share> RedisLimits::Run(std::string name, std::vector<std::string> arguments) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const std::string hashed = names->Of("limit", {name});
  std::vector<std::string> keys = {parts_.keys.Limit(hashed)};
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await parts_.calls.Run(AffinityOf(ShardOf(hashed)), scripts::kTakeShare,
                                                std::move(keys), std::move(arguments)));
  limits::Share share;
  std::int64_t next_token = 0;
  std::int64_t cool_down = 0;
  if (words.size() != 3 || !absl::SimpleAtoi(words[0], &share.tokens) ||
      !absl::SimpleAtoi(words[1], &next_token) || !absl::SimpleAtoi(words[2], &cool_down)) {
    co_return UnexpectedReply();
  }
  share.next_token = absl::Milliseconds(next_token);
  share.cool_down = absl::Milliseconds(cool_down);
  co_return share;
}

}  // namespace tokenbroker::storage
