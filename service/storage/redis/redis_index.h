// The sets by which grants are found without their ids: by caller, client, subject and session.
//
// They are hints: what they lead to is checked against the record, a grant that they miss is added
// again by its next commit, and an id without a grant is taken out by whoever meets it.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "asio/awaitable.hpp"
#include "grants/grant_store.h"
#include "grants/hmac.h"
#include "storage/redis/redis_parts.h"

namespace tokenbroker::storage {

// The keys of the sets that a grant belongs to.
std::vector<std::string> IndexesOf(const grants::Grant& grant, const RedisKeys& keys,
                                   const grants::KeyedHash& names);

// The key of the narrowest set that has every grant that `filter` matches; nothing where only a
// walk through all grants finds them.
std::optional<std::string> IndexFor(const grants::GrantFilter& filter, const RedisKeys& keys,
                                    const grants::KeyedHash& names);

// Calls that add `grant` to `indexes`, which are some of its sets, or keep it there; to be made
// right after it is stored, so that whoever finds the id finds the grant.
void AppendAddToIndexes(const grants::Grant& grant, std::vector<std::string> indexes,
                        const RedisParts& parts, std::vector<RedisCall>& calls);

// Looks at a few grants of each of `indexes`, picked at random, and takes out those that are gone.
// Done with every new and every ended grant, this keeps the dead a minority. Best effort.
asio::awaitable<void> TendIndexes(std::vector<std::string> indexes, RedisParts parts);

// An id in a set.
struct IndexEntry {
  std::string index;
  std::string grant_id;
};

// Takes out those of `entries` whose grant is gone. Best effort.
asio::awaitable<void> RemoveGone(std::vector<IndexEntry> entries, RedisParts parts);

}  // namespace tokenbroker::storage
