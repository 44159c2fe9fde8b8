#include "storage/redis/redis_schedule.h"

#include <algorithm>
#include <cstdint>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/status_macros.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {
namespace {

constexpr absl::Duration kListShardsEvery = absl::Minutes(1);
constexpr int kShardsAtOnce = 128;
// A shard that is due has something to claim, so that more than are wanted are looked at in vain.
constexpr std::size_t kFewestShardsAtOnce = 32;
// Rounds in one call, enough for every shard once and for those that others were faster at.
constexpr int kMaxRounds = 2 * kShards / static_cast<int>(kFewestShardsAtOnce);

// Adds that `shard` is to be looked at when its next grant is due, as `score` says it.
void Postpone(int shard, const std::string& was, const std::string& score, absl::Time now,
              std::vector<std::string>& postponements) {
  absl::Time look_at = now + RedisSchedule::kRecheck;
  double next = 0;
  if (absl::SimpleAtod(score, &next)) {
    look_at = std::min(look_at, absl::FromUnixMillis(static_cast<std::int64_t>(next)));
  }
  postponements.insert(postponements.end(),
                       {std::to_string(shard), was, UnixMilliseconds(look_at)});
}

}  // namespace

Task<std::vector<std::string>> RedisSchedule::ClaimDue(absl::Time now, std::size_t limit,
                                                       absl::Duration visibility) {
  if (TimeToListShards(now)) {
    CO_RETURN_IF_ERROR(co_await ListShards());
  }
  std::vector<std::string> claimed;
  for (int round = 0; round < kMaxRounds && claimed.size() < limit; ++round) {
    const absl::StatusOr<bool> more = co_await Round(now, limit, visibility, claimed);
    // What is claimed is the caller's; only a call that got nothing says why.
    if (!more.ok() && claimed.empty()) co_return more.status();
    if (!more.ok() || !*more) break;
  }
  co_return claimed;
}

Task<bool> RedisSchedule::Round(absl::Time now, std::size_t limit, absl::Duration visibility,
                                std::vector<std::string>& claimed) {
  const std::size_t wanted = limit - claimed.size();
  CO_ASSIGN_OR_RETURN(std::vector<Shard> shards, co_await ShardsToLookAt(now, wanted));
  if (shards.empty()) co_return false;
  Postponements postponements;
  CO_ASSIGN_OR_RETURN(std::vector<Shard> due,
                      co_await LookAt(std::move(shards), now, postponements));
  if (due.size() > wanted) due.resize(wanted);
  absl::Status status;
  if (!due.empty()) {
    const std::size_t limit_per_shard = wanted / due.size();
    status = co_await ClaimFrom(std::move(due), now, limit_per_shard, visibility, claimed,
                                postponements);
  }
  if (status.ok() && !postponements.empty()) {
    std::vector<std::string> keys = {parts_.keys.DueShards()};
    status = (co_await parts_.calls.Run(0, scripts::kPostponeShards, std::move(keys),
                                        std::move(postponements)))
                 .status();
  }
  CO_RETURN_IF_ERROR(status);
  co_return true;
}

StatusTask RedisSchedule::PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when) {
  RedisCall script =
      RedisCall::Run(scripts::kPutBack, {parts_.keys.Due(ShardOf(grant_id))},
                     {grant_id, UnixMilliseconds(hidden_until), UnixMilliseconds(when)});
  return MakeDue(std::move(script), std::move(grant_id), when);
}

StatusTask RedisSchedule::Schedule(std::string grant_id, absl::Time when) {
  RedisCall script = RedisCall::Run(
      scripts::kScheduleGrant, {parts_.keys.Grant(grant_id), parts_.keys.Due(ShardOf(grant_id))},
      {grant_id, UnixMilliseconds(when)});
  return MakeDue(std::move(script), std::move(grant_id), when);
}

StatusTask RedisSchedule::MakeDue(RedisCall script, std::string grant_id, absl::Time when) {
  const int shard = ShardOf(grant_id);
  std::vector<RedisCall> calls;
  calls.push_back(std::move(script));
  calls.push_back(RedisCall::Command(
      {"ZADD", parts_.keys.DueShards(), "LT", UnixMilliseconds(when), std::to_string(shard)}));
  // The second is a hint, in a cluster on another server.
  const std::vector<absl::StatusOr<RedisReply>> results =
      co_await parts_.calls.MakeEach(AffinityOf(shard), std::move(calls));
  co_return results.front().status();
}

Task<absl::Time> RedisSchedule::NextDue() {
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command({"ZRANGE", parts_.keys.DueShards(), "0", "0", "WITHSCORES"}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(0, std::move(calls)));
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> first, StringsOf(replies.front()));
  if (first.size() != 2) co_return absl::InfiniteFuture();
  CO_ASSIGN_OR_RETURN(const absl::Time when, TimeOfScore(first[1]));
  co_return when;
}

Task<grants::ScheduleSummary> RedisSchedule::Summarize(absl::Time now) {
  grants::ScheduleSummary summary;
  for (int shard = 0; shard < kShards; shard += kShardsAtOnce) {
    std::vector<RedisCall> calls;
    for (int i = shard; i < std::min(shard + kShardsAtOnce, kShards); ++i) {
      const std::string due = parts_.keys.Due(i);
      calls.push_back(RedisCall::Command({"ZCARD", due}));
      calls.push_back(RedisCall::Command({"ZCOUNT", due, "-inf", UnixMilliseconds(now)}));
      calls.push_back(RedisCall::Command({"ZRANGE", due, "0", "0", "WITHSCORES"}));
    }
    CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                        co_await parts_.calls.Make(0, std::move(calls)));
    for (std::size_t i = 0; i + 2 < replies.size(); i += 3) {
      const auto* scheduled = replies[i].Integer();
      const auto* overdue = replies[i + 1].Integer();
      if (scheduled == nullptr || overdue == nullptr) co_return UnexpectedReply();
      summary.scheduled += static_cast<std::uint64_t>(*scheduled);
      summary.overdue += static_cast<std::uint64_t>(*overdue);
      CO_ASSIGN_OR_RETURN(const std::vector<std::string> first, StringsOf(replies[i + 2]));
      if (first.size() != 2) continue;
      CO_ASSIGN_OR_RETURN(const absl::Time when, TimeOfScore(first[1]));
      summary.first = std::min(summary.first.value_or(when), when);
    }
  }
  co_return summary;
}

bool RedisSchedule::TimeToListShards(absl::Time now) {
  const MutexLock lock(mutex_);
  if (now - listed_at_ < kListShardsEvery) return false;
  listed_at_ = now;
  return true;
}

StatusTask RedisSchedule::ListShards() {
  std::vector<std::string> words = {"ZADD", parts_.keys.DueShards(), "NX"};
  for (int shard = 0; shard < kShards; ++shard) {
    words.push_back("0");
    words.push_back(std::to_string(shard));
  }
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command(std::move(words)));
  co_return (co_await parts_.calls.Make(0, std::move(calls))).status();
}

Task<std::vector<RedisSchedule::Shard>> RedisSchedule::ShardsToLookAt(absl::Time now,
                                                                      std::size_t wanted) {
  const std::size_t most = std::clamp(wanted, kFewestShardsAtOnce, std::size_t{kShardsAtOnce});
  std::vector<RedisCall> calls;
  calls.push_back(
      RedisCall::Command({"ZRANGEBYSCORE", parts_.keys.DueShards(), "-inf", UnixMilliseconds(now),
                          "WITHSCORES", "LIMIT", "0", std::to_string(most)}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(0, std::move(calls)));
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> entries, StringsOf(replies.front()));
  std::vector<Shard> shards;
  for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
    Shard shard{.number = 0, .look_at = entries[i + 1]};
    if (!absl::SimpleAtoi(entries[i], &shard.number)) co_return UnexpectedReply();
    shards.push_back(std::move(shard));
  }
  co_return shards;
}

Task<std::vector<RedisSchedule::Shard>> RedisSchedule::LookAt(std::vector<Shard> shards,
                                                              absl::Time now,
                                                              Postponements& postponements) {
  std::vector<RedisCall> calls;
  for (const Shard& shard : shards) {
    calls.push_back(
        RedisCall::Command({"ZRANGE", parts_.keys.Due(shard.number), "0", "0", "WITHSCORES"}));
  }
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(0, std::move(calls)));
  std::vector<Shard> due;
  for (std::size_t i = 0; i < shards.size(); ++i) {
    CO_ASSIGN_OR_RETURN(const std::vector<std::string> first, StringsOf(replies[i]));
    double next = 0;
    const bool has_next = first.size() == 2 && absl::SimpleAtod(first[1], &next);
    if (has_next && absl::FromUnixMillis(static_cast<std::int64_t>(next)) <= now) {
      due.push_back(std::move(shards[i]));
    } else {
      Postpone(shards[i].number, shards[i].look_at, has_next ? first[1] : "", now, postponements);
    }
  }
  co_return due;
}

StatusTask RedisSchedule::ClaimFrom(std::vector<Shard> shards, absl::Time now,
                                    std::size_t limit_per_shard, absl::Duration visibility,
                                    std::vector<std::string>& claimed,
                                    Postponements& postponements) {
  std::vector<RedisCall> claims;
  for (const Shard& shard : shards) {
    claims.push_back(RedisCall::Run(
        scripts::kClaimDue, {parts_.keys.Due(shard.number)},
        {UnixMilliseconds(now), std::to_string(limit_per_shard), UnixMilliseconds(now + visibility),
         parts_.keys.GrantPrefix(shard.number)}));
  }
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(0, std::move(claims)));
  for (std::size_t i = 0; i < shards.size(); ++i) {
    CO_ASSIGN_OR_RETURN(const std::vector<std::string> words, StringsOf(replies[i]));
    std::size_t looked_at = 0;
    if (words.size() < 2 || !absl::SimpleAtoi(words[0], &looked_at)) co_return UnexpectedReply();
    claimed.insert(claimed.end(), words.begin() + 2, words.end());
    // Where there is more to claim, by how long that has been due: the most overdue shards first.
    Postpone(shards[i].number, shards[i].look_at, words[1], now, postponements);
  }
  co_return absl::OkStatus();
}

}  // namespace tokenbroker::storage
