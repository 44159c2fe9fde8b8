// The store that the configuration asks for.
#pragma once

#include <memory>
#include <vector>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "config/config.h"
#include "grants/grant_store.h"
#include "grants/seal.h"
#include "limits/limit_store.h"
#include "net/redis_counters.h"
#include "net/runtime.h"
#include "storage/disk/disk_spool.h"
#include "storage/redis/redis_grant_store.h"
#include "telemetry/durations.h"
#include "telemetry/log.h"

namespace tokenbroker::wiring {

// The keys that seal records, first the one that seals. Errors: those of KeyRing::Create.
absl::StatusOr<grants::KeyRing> KeyRingOf(const config::LoadedConfig& loaded);

// A store, in the two ways in which it is used.
struct Store {
  std::shared_ptr<grants::GrantStore> grants;
  std::shared_ptr<limits::LimitStore> limits;  // the same object
  // What Redis's part counts; null where the store is not Redis.
  std::shared_ptr<const RedisCounters> redis;
  std::shared_ptr<const telemetry::DurationCells> change_lag;  // from a change to the news of it
};

// Makes the store; a Redis need not be reachable yet. Where its settings risk what is stored, a
// warning is logged when they can be read. Borrows all but the configuration; the store must
// outlive the runtime's Stop.
Store StoreOf(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
              const grants::KeyRing& ring, const telemetry::Log& log);

// The same, for looking at the Redis of a configuration that has one: nothing is begun by itself.
std::shared_ptr<storage::RedisGrantStore> RedisStoreOf(const config::LoadedConfig& loaded,
                                                       Runtime& runtime, const Clock& clock,
                                                       const grants::KeyRing& ring);

// Opens the spool, if there is one; null where there is none. Borrows `ring` and `log`.
// Errors: INTERNAL with a message for people.
absl::StatusOr<std::unique_ptr<storage::DiskSpool>> SpoolOf(const config::LoadedConfig& loaded,
                                                            const grants::KeyRing& ring,
                                                            const telemetry::Log& log);

}  // namespace tokenbroker::wiring
