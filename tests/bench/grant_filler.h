// Fills a store with grants that are due when a benchmark wants them to be.
#pragma once

#include <cstddef>
#include <string>

#include "absl/time/time.h"
#include "grants/grant.h"
#include "grants/seal.h"
#include "net/runtime.h"
#include "storage/redis/redis_grant_store.h"

namespace tokenbroker::bench {

// What all of the benchmark's grants belong to.
inline constexpr char kClient[] = "bench";

grants::KeyRing BenchRing();

// A grant with an access token and an ID token of usual size (800 bytes each), in use, whose
// refresh is due at `due`: its token then is past 80 % of an hour.
grants::Grant GrantDueAt(absl::Time due, absl::Time now);

// When the i-th of the grants is due.
struct Due {
  absl::Time first;
  double per_second = 2000;
  std::size_t count = 0;  // those beyond are due in a day
};

// Writes `count` grants as CreateGrant leaves them, without asking back for each: a million in a
// minute or so.
void FillRedis(Runtime& runtime, const storage::RedisStoreOptions& options, std::size_t count,
               const Due& due);

}  // namespace tokenbroker::bench
