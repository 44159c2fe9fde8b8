// The tokens that have counted once, in Redis.
#pragma once

#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with `jti`; see there. Thread-safe.
class RedisTokenIds {
 public:
  explicit RedisTokenIds(const RedisParts& parts) : parts_(parts) {}

  Task<bool> Remembers(grants::TokenId id);
  StatusTask Remember(grants::TokenId id, absl::Duration lifetime);

 private:
  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
