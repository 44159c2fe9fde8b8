// What Redis's own settings mean for what is stored there.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/task.h"
#include "storage/redis/redis_calls.h"

namespace tokenbroker::storage {

// What is known of them; nothing where the user may not read it.
struct RedisSettings {
  std::optional<std::string> eviction = {};   // maxmemory-policy
  std::optional<std::string> snapshots = {};  // save; empty: none are taken
  std::optional<bool> append_only = {};
};

// What is wrong with them, for the operator's log. Pure.
std::vector<std::string> WarningsOf(const RedisSettings& settings);

// Reads them from one server: by CONFIG GET, or from INFO where that is forbidden (which does not
// tell about snapshots). Errors: STORE_UNAVAILABLE.
Task<RedisSettings> ReadSettings(RedisCalls& calls);

// What the clock of one server shows. Errors: STORE_UNAVAILABLE.
Task<absl::Time> ReadClock(RedisCalls& calls);

}  // namespace tokenbroker::storage
