// Which grants are due, in Redis.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with the schedule; see there.
//
// A set of due times per shard, and one set that says when each shard is to be looked at: so an
// idle schedule costs next to nothing, whatever the number of shards. The latter is a hint that may
// be late, but no later than kRecheck. Thread-safe.
class RedisSchedule {
 public:
  // A shard is looked at this often even when nothing says that anything is due.
  static constexpr absl::Duration kRecheck = absl::Seconds(15);

  explicit RedisSchedule(const RedisParts& parts) : parts_(parts) {}

  Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                          absl::Duration visibility);
  StatusTask PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when);
  StatusTask Schedule(std::string grant_id, absl::Time when);
  Task<absl::Time> NextDue();
  Task<grants::ScheduleSummary> Summarize(absl::Time now);

 private:
  struct Shard {
    int number = 0;
    std::string look_at;  // as it was read
  };
  // What there is to change in the set of shards: see postpone_shards.lua.
  using Postponements = std::vector<std::string>;

  // Runs a script that may make `grant_id` due at `when`, and notes that in the set of shards.
  StatusTask MakeDue(RedisCall script, std::string grant_id, absl::Time when);
  // Whether it is time to list all shards in the set again, in case Redis lost some.
  bool TimeToListShards(absl::Time now) ABSL_LOCKS_EXCLUDED(mutex_);
  StatusTask ListShards();
  // The most overdue, of which `wanted` grants are to be claimed.
  Task<std::vector<Shard>> ShardsToLookAt(absl::Time now, std::size_t wanted);
  // Those of `shards` that have something due; the others are to be postponed.
  Task<std::vector<Shard>> LookAt(std::vector<Shard> shards, absl::Time now,
                                  Postponements& postponements);
  // Claims from `shards` and appends what it claimed.
  StatusTask ClaimFrom(std::vector<Shard> shards, absl::Time now, std::size_t limit_per_shard,
                       absl::Duration visibility, std::vector<std::string>& claimed,
                       Postponements& postponements);
  // Looks once at some shards. Whether there may be more to look at.
  Task<bool> Round(absl::Time now, std::size_t limit, absl::Duration visibility,
                   std::vector<std::string>& claimed);

  const RedisParts parts_;

  Mutex mutex_;
  absl::Time listed_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

}  // namespace tokenbroker::storage
