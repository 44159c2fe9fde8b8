// Walking through all grants in Redis, shard by shard.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that looks over slices; see there. A slice is a shard.
// Thread-safe.
class RedisWalk {
 public:
  explicit RedisWalk(const RedisParts& parts) : parts_(parts) {}

  Task<std::optional<int>> ClaimSlice(absl::Time now, absl::Duration interval);
  Task<grants::LookedOver> LookOver(int slice, std::string from, std::size_t limit);
  Task<std::size_t> ForgetGone(int slice, std::vector<std::string> gone);

 private:
  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
