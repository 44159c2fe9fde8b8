// The records of grants in Redis.
#pragma once

#include <string>

#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant_store.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// Calls that read a grant, and what they say. Two calls each.
void AppendRead(const std::string& grant_id, const RedisParts& parts,
                std::vector<RedisCall>& calls);
// `record` and `used` are the replies to those calls. Errors: GRANT_UNKNOWN, RECORD_UNREADABLE.
absl::StatusOr<grants::Grant> ReadGrant(const std::string& grant_id, const RedisReply& record,
                                        const RedisReply& used, const RedisParts& parts);

// A grant as it lies in Redis.
struct StoredGrant {
  const std::string& generation;
  const std::string& record;   // sealed
  const std::string& used_at;  // in us; empty: nothing is known
};
// Errors: RECORD_UNREADABLE.
absl::StatusOr<grants::Grant> OpenGrant(const std::string& grant_id, const StoredGrant& stored,
                                        const RedisParts& parts);

// The part of grants::GrantStore that creates, reads and changes single grants; see there.
// Thread-safe.
class RedisGrants {
 public:
  explicit RedisGrants(const RedisParts& parts) : parts_(parts) {}

  StatusTask Create(grants::Grant grant);
  Task<grants::Grant> Find(std::string grant_id);
  StatusTask Commit(grants::GrantCommit commit);
  Task<grants::Grant> End(std::string grant_id, grants::GrantState state, std::string because,
                          absl::Duration tombstone_lifetime);
  StatusTask Touch(std::string grant_id, absl::Time when);

 private:
  const RedisParts parts_;
};

}  // namespace tokenbroker::storage
