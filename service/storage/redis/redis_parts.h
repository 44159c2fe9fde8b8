// What the parts of the Redis store share, all borrowed from the store.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/strings/numbers.h"
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

// The other way round, from the score of a sorted set. Errors: INTERNAL, where it is none.
inline absl::StatusOr<absl::Time> TimeOfScore(const std::string& score) {
  double milliseconds = 0;
  if (!absl::SimpleAtod(score, &milliseconds)) return UnexpectedReply();
  return absl::FromUnixMillis(static_cast<std::int64_t>(milliseconds));
}

// Which connection works on a shard, so that what is asked of one grant stays in order.
inline std::size_t AffinityOf(int shard) { return static_cast<std::size_t>(shard); }

}  // namespace tokenbroker::storage
