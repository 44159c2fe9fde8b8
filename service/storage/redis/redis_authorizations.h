// Pending authorizations in Redis.
#pragma once

#include <cstddef>
#include <string>

#include "base/secret.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "grants/hmac.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that has to do with `state`; see there. Thread-safe.
class RedisAuthorizations {
 public:
  explicit RedisAuthorizations(const RedisParts& parts) : parts_(parts) {}

  StatusTask Put(Secret state, grants::PendingAuthorization pending);
  Task<grants::PendingAuthorization> Find(Secret state);
  Task<grants::ClaimedAuthorization> Claim(Secret state, std::string callback_digest);
  StatusTask Finish(Secret state, grants::CallbackOutcome outcome);
  StatusTask Spend(Secret state);
  Task<std::size_t> Count(std::string caller);

 private:
  // Where one authorization lies.
  struct Place {
    std::string name;  // of the state
    std::string key;
    std::size_t affinity = 0;
  };

  Place PlaceOf(const Secret& state, const grants::KeyedHash& names) const;
  // Takes it out of the caller's set of open ones. Best effort: the set may count too many.
  asio::awaitable<void> Close(Place place, std::string open_key);

  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
