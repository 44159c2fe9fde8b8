// What the parts of the Redis store share, all borrowed from the store.
#pragma once

#include <algorithm>
#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "grants/seal.h"
#include "storage/redis/index_key.h"
#include "storage/redis/keys.h"
#include "storage/redis/redis_calls.h"

namespace tokenbroker::storage {

struct RedisParts {
  const Clock& clock;
  const grants::KeyRing& ring;
  const RedisKeys& keys;
  RedisCalls& calls;
  IndexKey& index_key;
};

// A duration for PEXPIRE and the like: whole milliseconds, rounded up, at least one, at most ten
// thousand years, so that Redis can add it to its clock.
inline std::string Milliseconds(absl::Duration duration) {
  const absl::Duration longest = absl::Hours(24 * 366) * 10'000;
  const absl::Duration bounded =
      std::clamp(absl::Ceil(duration, absl::Milliseconds(1)), absl::Milliseconds(1), longest);
  return std::to_string(absl::ToInt64Milliseconds(bounded));
}

inline std::string UnixMilliseconds(absl::Time time) {
  return std::to_string(absl::ToUnixMillis(time));
}

inline std::string UnixMicroseconds(absl::Time time) {
  return std::to_string(absl::ToUnixMicros(time));
}

// Which connection works on a shard, so that what is asked of one grant stays in order.
inline std::size_t AffinityOf(int shard) { return static_cast<std::size_t>(shard); }

}  // namespace tokenbroker::storage
