// The key of the hashes that stand for subjects, states and the like in key names.
#pragma once

#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/task.h"
#include "grants/hmac.h"
#include "grants/seal.h"
#include "storage/redis/keys.h"
#include "storage/redis/redis_calls.h"

namespace tokenbroker::storage {

// The key lies in Redis itself, sealed: made at random by whoever comes first, the same for all
// replicas, and sealed anew when the ring has a new first key. So names stay what they are while
// the keys of the ring come and go.
//
// Thread-safe. Borrows all it is made of.
class IndexKey {
 public:
  IndexKey(RedisCalls& calls, const RedisKeys& keys, const grants::KeyRing& ring)
      : calls_(calls), keys_(keys), ring_(ring) {}

  // Errors: STORE_UNAVAILABLE; RECORD_UNREADABLE where the ring does not open it.
  // Suspends: not at all once it is known; up to three round trips before.
  Task<std::shared_ptr<const grants::KeyedHash>> Get();

  // Whether the ring opens the one that is there; OK where there is none. Changes nothing.
  // Errors: as Get. Suspends: one round trip.
  StatusTask Check() const;

  // Reads it again before the next use: Redis may have lost what it held.
  void Forget() ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  std::shared_ptr<const grants::KeyedHash> Known() ABSL_LOCKS_EXCLUDED(mutex_);
  void Remember(std::shared_ptr<const grants::KeyedHash> hash) ABSL_LOCKS_EXCLUDED(mutex_);

  // Sealed, as it lies in Redis; made first where there is none.
  Task<std::string> FetchOrMake();

  RedisCalls& calls_;
  const RedisKeys& keys_;
  const grants::KeyRing& ring_;

  Mutex mutex_;
  std::shared_ptr<const grants::KeyedHash> known_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::storage
