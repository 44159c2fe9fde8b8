// Leases of grants in Redis, which run by Redis's clock.
#pragma once

#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// What lies under the key of a lease: fence and holder. Equal only for the same lease.
std::string LeaseValue(const grants::Lease& lease);

// The part of grants::GrantStore that has to do with leases; see there. Thread-safe.
class RedisLeases {
 public:
  explicit RedisLeases(const RedisParts& parts) : parts_(parts) {}

  Task<grants::Lease> Acquire(std::string grant_id, std::string holder, absl::Duration lifetime);
  Task<grants::LeasedGrant> AcquireAndRead(std::string grant_id, std::string holder,
                                           absl::Duration lifetime);
  StatusTask Renew(grants::Lease lease, absl::Duration lifetime);
  StatusTask Release(grants::Lease lease);

 private:
  enum class Reading { kNothing, kGrant };

  // The words of a script that gave the lease.
  Task<std::vector<std::string>> Ask(const std::string& grant_id, const std::string& holder,
                                     absl::Duration lifetime, Reading reading);

  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
