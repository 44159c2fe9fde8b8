// ListGrants in Redis.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The part of grants::GrantStore that lists; see there. Thread-safe.
class RedisListing {
 public:
  explicit RedisListing(const RedisParts& parts) : parts_(parts) {}

  Task<grants::GrantPage> List(grants::GrantFilter filter, std::size_t page_size,
                               std::string page_token);

  // Some ids, and where to go on after each of them.
  struct Candidate {
    std::string grant_id;
    std::string cursor;
  };
  struct Candidates {
    std::vector<Candidate> list;
    bool end = false;  // nothing comes after the list
  };

  // The next up to `count` ids of all grants after `cursor` ("": from the start), shard by shard:
  // those of one call are of one shard.
  Task<Candidates> FromShards(std::string cursor, std::size_t count);

 private:
  // The next up to `count` after `cursor` ("": from the start): of an index, newest first.
  Task<Candidates> FromIndex(std::string index, std::string cursor, std::size_t count);
  // The first shard from `shard` on that has grants, or kShards.
  Task<int> NextShard(int shard);

  // What the candidates are, in their order: a grant, or why not.
  Task<std::vector<absl::StatusOr<grants::Grant>>> Read(std::vector<Candidate> candidates);

  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
