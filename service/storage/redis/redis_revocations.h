// Revocations that the provider has not confirmed, in Redis. There are few of them at a time, so
// they lie in one shard.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with revocations; see there. Thread-safe.
class RedisRevocations {
 public:
  explicit RedisRevocations(const RedisParts& parts) : parts_(parts) {}

  StatusTask Put(grants::PendingRevocation revocation, absl::Time due, absl::Duration lifetime);
  Task<std::vector<grants::PendingRevocation>> Claim(absl::Time now, std::size_t limit,
                                                     absl::Duration visibility);
  StatusTask Drop(std::string id);
  Task<grants::RevocationSummary> Summarize();

 private:
  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
