#include "storage/redis/redis_token_ids.h"

#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::storage {
namespace {

// The key, and the connection that works on it.
struct Place {
  std::string key;
  std::size_t affinity = 0;
};

Place PlaceOf(const grants::TokenId& id, const RedisKeys& keys, const grants::KeyedHash& names) {
  const std::string name = names.Of("jti", {id.issuer, id.audience, id.token_id});
  return {.key = keys.TokenId(name), .affinity = AffinityOf(ShardOf(name))};
}

}  // namespace

Task<bool> RedisTokenIds::Remembers(grants::TokenId id) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(id, parts_.keys, *names);
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command({"EXISTS", place.key}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(place.affinity, std::move(calls)));
  if (replies.front().Integer() == nullptr) co_return UnexpectedReply();
  co_return *replies.front().Integer() == 1;
}

StatusTask RedisTokenIds::Remember(grants::TokenId id, absl::Duration lifetime) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(id, parts_.keys, *names);
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command({"SET", place.key, "1", "NX", "PX", Milliseconds(lifetime)}));
  calls.push_back(RedisCall::Command({"PEXPIRE", place.key, Milliseconds(lifetime), "GT"}));
  co_return (co_await parts_.calls.Make(place.affinity, std::move(calls))).status();
}

}  // namespace tokenbroker::storage
