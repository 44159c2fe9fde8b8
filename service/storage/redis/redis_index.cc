#include "storage/redis/redis_index.h"

#include <utility>

#include "storage/redis/scripts.h"

namespace tokenbroker::storage {
namespace {

constexpr std::string_view kCaller = "caller";
constexpr std::string_view kClient = "client";
constexpr std::string_view kSubject = "subject";
constexpr std::string_view kSession = "session";

constexpr std::string_view kTendedAtATime = "4";

std::string IndexOf(std::string_view kind, const std::string& value, const RedisKeys& keys,
                    const grants::KeyedHash& names) {
  return keys.Index(kind, names.Of(kind, {value}));
}

}  // namespace

std::vector<std::string> IndexesOf(const grants::Grant& grant, const RedisKeys& keys,
                                   const grants::KeyedHash& names) {
  std::vector<std::string> indexes = {IndexOf(kCaller, grant.caller, keys, names),
                                      IndexOf(kClient, grant.client, keys, names),
                                      IndexOf(kSubject, grant.id_token.subject, keys, names)};
  if (grant.id_token.session_id) {
    indexes.push_back(IndexOf(kSession, *grant.id_token.session_id, keys, names));
  }
  return indexes;
}

std::optional<std::string> IndexFor(const grants::GrantFilter& filter, const RedisKeys& keys,
                                    const grants::KeyedHash& names) {
  if (filter.session_id) return IndexOf(kSession, *filter.session_id, keys, names);
  if (filter.subject) return IndexOf(kSubject, *filter.subject, keys, names);
  if (filter.caller) return IndexOf(kCaller, *filter.caller, keys, names);
  if (filter.client) return IndexOf(kClient, *filter.client, keys, names);
  return std::nullopt;
}

void AppendAddToIndexes(const grants::Grant& grant, std::vector<std::string> indexes,
                        const RedisParts& parts, std::vector<RedisCall>& calls) {
  const std::string lifetime =
      grant.ends_at ? Milliseconds(*grant.ends_at - parts.clock.Now()) : "";
  for (std::string& index : indexes) {
    calls.push_back(RedisCall::Run(scripts::kAddToIndex, {std::move(index)},
                                   {grant.id, UnixMicroseconds(grant.created_at), lifetime}));
  }
}

asio::awaitable<void> TendIndexes(std::vector<std::string> indexes, RedisParts parts) {
  std::vector<RedisCall> calls;
  for (const std::string& index : indexes) {
    calls.push_back(RedisCall::Command({"ZRANDMEMBER", index, std::string(kTendedAtATime)}));
  }
  const auto picked = co_await parts.calls.Make(0, std::move(calls));
  if (!picked.ok()) co_return;
  std::vector<IndexEntry> entries;
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    const auto* elements = (*picked)[i].Array();
    if (elements == nullptr) continue;
    for (const RedisReply& element : *elements) {
      if (element.String() != nullptr) entries.push_back({indexes[i], *element.String()});
    }
  }
  co_await RemoveGone(std::move(entries), parts);
}

asio::awaitable<void> RemoveGone(std::vector<IndexEntry> entries, RedisParts parts) {
  if (entries.empty()) co_return;
  std::vector<RedisCall> lookups;
  for (const IndexEntry& entry : entries) {
    lookups.push_back(RedisCall::Command({"EXISTS", parts.keys.Grant(entry.grant_id)}));
  }
  const auto found = co_await parts.calls.Make(0, std::move(lookups));
  if (!found.ok()) co_return;
  std::vector<RedisCall> removals;
  for (std::size_t i = 0; i < entries.size(); ++i) {
    const auto* exists = (*found)[i].Integer();
    if (exists != nullptr && *exists == 0) {
      removals.push_back(RedisCall::Command({"ZREM", entries[i].index, entries[i].grant_id}));
    }
  }
  if (!removals.empty()) (void)co_await parts.calls.Make(0, std::move(removals));
}

}  // namespace tokenbroker::storage
