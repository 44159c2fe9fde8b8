// The limits that replicas share, in Redis.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/task.h"
#include "limits/limit_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// See limits::LimitStore. Thread-safe.
class RedisLimits {
 public:
  explicit RedisLimits(const RedisParts& parts) : parts_(parts) {}

  Task<limits::Share> TakeShare(std::string name, std::optional<limits::Rate> rate, int wanted);
  StatusTask CoolDown(std::string name, absl::Duration duration);

 private:
  Task<limits::Share> Run(std::string name, std::vector<std::string> arguments);

  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
