// RewrapGrants in Redis.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_listing.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that seals records anew; see there. Thread-safe.
class RedisRewrap {
 public:
  // Borrows `listing`, whose walk through all grants it goes.
  RedisRewrap(const RedisParts& parts, RedisListing& listing) : parts_(parts), listing_(listing) {}

  Task<grants::RewrapPage> Rewrap(std::size_t page_size, std::string page_token);

 private:
  // Adds what became of the grants to `page`.
  StatusTask RewrapAll(std::vector<std::string> grant_ids, grants::RewrapPage& page);

  const RedisParts parts_;
  RedisListing& listing_;
};

}  // namespace tokenbroker::storage
