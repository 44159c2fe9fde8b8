#include "storage/redis/redis_grants.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "grants/grant_commit.h"
#include "grants/record.h"
#include "storage/redis/redis_index.h"
#include "storage/redis/redis_leases.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {
namespace {

using grants::Grant;
using grants::GrantCommit;
using grants::GrantState;

// Commits of one grant come one after the other, each after an answer of its provider: nobody loses
// against so many.
constexpr int kMaxEndAttempts = 100;

std::string_view ToText(GrantState state) {
  switch (state) {
    case GrantState::kActive:
      return "active";
    case GrantState::kReauthorizationRequired:
      return "reauthorization_required";
    case GrantState::kRevoked:
      return "revoked";
  }
  return "revoked";
}

// `record` is SerializeGrant(grant).
std::string Sealed(const Grant& grant, const Secret& record, const RedisParts& parts) {
  return parts.ring.Seal(record,
                         {.name = parts.keys.Grant(grant.id), .generation = grant.generation});
}

std::string Sealed(const Grant& grant, const RedisParts& parts) {
  return Sealed(grant, grants::SerializeGrant(grant), parts);
}

std::string LifetimeOf(const Grant& grant, const RedisParts& parts) {
  return grant.ends_at ? Milliseconds(*grant.ends_at - parts.clock.Now()) : "";
}

std::string DueTimeOf(const Grant& grant) {
  return grant.next_refresh_at ? UnixMilliseconds(*grant.next_refresh_at) : "";
}

// Tells the schedule that a shard has something due, at the latest then.
void AppendNoteDue(const Grant& grant, const RedisParts& parts, std::vector<RedisCall>& calls) {
  if (!grant.next_refresh_at) return;
  calls.push_back(RedisCall::Command(
      {"ZADD", parts.keys.DueShards(), "LT", DueTimeOf(grant), std::to_string(ShardOf(grant.id))}));
}

// Keeps the sets of a grant that stays as long as the grant, and asks whether they know of it.
void AppendKeepInIndexes(const Grant& grant, const std::vector<std::string>& indexes,
                         const RedisParts& parts, std::vector<RedisCall>& calls) {
  for (const std::string& index : indexes) {
    calls.push_back(RedisCall::Command({"ZSCORE", index, grant.id}));
    if (grant.ends_at) {
      calls.push_back(RedisCall::Command({"PEXPIRE", index, LifetimeOf(grant, parts), "GT"}));
    }
  }
}

// Those of `indexes` that do not know of `grant`. `results` are those of a commit and of the calls
// of AppendKeepInIndexes after it; what could not be asked is taken for an entry that is missing.
std::vector<std::string> MissedIn(const std::vector<std::string>& indexes, const Grant& grant,
                                  const std::vector<absl::StatusOr<RedisReply>>& results) {
  const std::size_t calls_each = grant.ends_at ? 2 : 1;
  std::vector<std::string> missed;
  for (std::size_t i = 0; i < indexes.size(); ++i) {
    const absl::StatusOr<RedisReply>& score = results[1 + i * calls_each];
    if (!score.ok() || score->IsNil()) missed.push_back(indexes[i]);
  }
  return missed;
}

absl::Status StatusOfWord(const std::string& word) {
  if (word == "ok") return absl::OkStatus();
  if (word == "unknown") return Error(Reason::kGrantUnknown);
  if (word == "conflict") return Error(Reason::kGenerationConflict);
  if (word == "lease_lost") return Error(Reason::kLeaseLost);
  return UnexpectedReply();
}

}  // namespace

void AppendRead(const std::string& grant_id, const RedisParts& parts,
                std::vector<RedisCall>& calls) {
  calls.push_back(
      RedisCall::Command({"HMGET", parts.keys.Grant(grant_id), "generation", "record"}));
  calls.push_back(RedisCall::Command({"ZSCORE", parts.keys.Used(ShardOf(grant_id)), grant_id}));
}

absl::StatusOr<Grant> ReadGrant(const std::string& grant_id, const RedisReply& record,
                                const RedisReply& used, const RedisParts& parts) {
  const auto* fields = record.Array();
  if (fields == nullptr || fields->size() != 2) return UnexpectedReply();
  if ((*fields)[0].IsNil()) return Error(Reason::kGrantUnknown);
  const std::string nothing;
  const auto text = [&nothing](const RedisReply& reply) -> const std::string& {
    return reply.String() == nullptr ? nothing : *reply.String();
  };
  const StoredGrant stored{
      .generation = text((*fields)[0]), .record = text((*fields)[1]), .used_at = text(used)};
  return OpenGrant(grant_id, stored, parts);
}

absl::StatusOr<Grant> OpenGrant(const std::string& grant_id, const StoredGrant& stored,
                                const RedisParts& parts) {
  std::uint64_t generation = 0;
  if (!absl::SimpleAtoi(stored.generation, &generation)) {
    return Error(Reason::kRecordUnreadable, {{"check", "malformed"}});
  }
  const grants::SealedName name{.name = parts.keys.Grant(grant_id), .generation = generation};
  ASSIGN_OR_RETURN(const Secret bytes, parts.ring.Open(stored.record, name));
  ASSIGN_OR_RETURN(Grant grant, grants::ParseGrant(bytes.Reveal()));
  double used_at = 0;
  if (absl::SimpleAtod(stored.used_at, &used_at)) {
    grant.last_used_at =
        std::max(grant.last_used_at, absl::FromUnixMicros(static_cast<std::int64_t>(used_at)));
  }
  return grant;
}

StatusTask RedisGrants::Create(Grant grant) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const std::string change = grants::NameOfCreation(grant, *names);
  grant.generation = 1;
  const int shard = ShardOf(grant.id);
  std::vector<RedisCall> calls;
  calls.push_back(
      RedisCall::Run(
          scripts::kCreateGrant,
          {parts_.keys.Grant(grant.id), parts_.keys.Used(shard), parts_.keys.Due(shard)},
          {grant.id, Sealed(grant, parts_), change, LifetimeOf(grant, parts_), DueTimeOf(grant),
           UnixMicroseconds(grant.last_used_at), parts_.keys.GrantPrefix(shard)})
          .Replicated());
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(AffinityOf(shard), std::move(calls)));
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words, WordsOf(replies.front()));
  CO_RETURN_IF_ERROR(StatusOfWord(words.front()));
  // After the record: who finds the id finds the grant. In a cluster these are other servers, and a
  // grant that a logout would not find is not let in.
  std::vector<RedisCall> entries;
  AppendAddToIndexes(grant, IndexesOf(grant, parts_.keys, *names), parts_, entries);
  AppendNoteDue(grant, parts_, entries);
  CO_RETURN_IF_ERROR((co_await parts_.calls.Make(AffinityOf(shard), std::move(entries))).status());
  co_await TendIndexes(IndexesOf(grant, parts_.keys, *names), parts_);
  co_return absl::OkStatus();
}

Task<Grant> RedisGrants::Find(std::string grant_id) {
  std::vector<RedisCall> calls;
  AppendRead(grant_id, parts_, calls);
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(AffinityOf(ShardOf(grant_id)), std::move(calls)));
  co_return ReadGrant(grant_id, replies[0], replies[1], parts_);
}

StatusTask RedisGrants::Commit(GrantCommit commit) {
  CO_RETURN_IF_ERROR(grants::CheckCommit(commit));
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Grant& grant = commit.grant;
  const int shard = ShardOf(grant.id);
  const Secret record = grants::SerializeGrant(grant);
  const bool is_new = grant.generation != commit.expected_generation;
  std::vector<RedisCall> calls;
  calls.push_back(
      RedisCall::Run(
          scripts::kCommitGrant,
          {parts_.keys.Grant(grant.id), parts_.keys.Lease(grant.id), parts_.keys.Used(shard),
           parts_.keys.Due(shard)},
          {grant.id, std::to_string(commit.expected_generation), std::to_string(grant.generation),
           Sealed(grant, record, parts_), grants::NameOfChange(commit, record, *names),
           commit.lease ? LeaseValue(*commit.lease) : "", commit.release_lease ? "1" : "0",
           LifetimeOf(grant, parts_), DueTimeOf(grant), UnixMicroseconds(grant.last_used_at)})
          .Replicated());
  // Hints, in a cluster on other servers: what is stored is stored without them.
  std::vector<std::string> indexes;
  if (is_new) {
    indexes = IndexesOf(grant, parts_.keys, *names);
    AppendKeepInIndexes(grant, indexes, parts_, calls);
    AppendNoteDue(grant, parts_, calls);
  }
  const std::vector<absl::StatusOr<RedisReply>> results =
      co_await parts_.calls.MakeEach(AffinityOf(shard), std::move(calls));
  CO_RETURN_IF_ERROR(results.front().status());
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words, WordsOf(*results.front()));
  CO_RETURN_IF_ERROR(StatusOfWord(words.front()));
  if (is_new) {
    // Repairs what an interrupted change or a failover has left out. Best effort.
    std::vector<RedisCall> repairs;
    AppendAddToIndexes(grant, MissedIn(indexes, grant, results), parts_, repairs);
    if (!repairs.empty()) {
      (void)co_await parts_.calls.Make(AffinityOf(shard), std::move(repairs));
    }
  }
  co_return absl::OkStatus();
}

Task<Grant> RedisGrants::End(std::string grant_id, GrantState state, std::string because,
                             absl::Duration tombstone_lifetime) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const int shard = ShardOf(grant_id);
  for (int attempt = 0; attempt < kMaxEndAttempts; ++attempt) {
    CO_ASSIGN_OR_RETURN(Grant was, co_await Find(grant_id));
    // Of one that has ended only its name counts.
    const Grant tombstone = was.Tombstone(state, because);
    std::vector<std::string> indexes = IndexesOf(was, parts_.keys, *names);
    std::vector<RedisCall> calls;
    calls.push_back(
        RedisCall::Run(
            scripts::kEndGrant,
            {parts_.keys.Grant(grant_id), parts_.keys.Lease(grant_id), parts_.keys.Due(shard)},
            {grant_id, std::to_string(was.generation), std::to_string(tombstone.generation),
             std::string(ToText(state)), Sealed(tombstone, parts_), RandomToken(16),
             Milliseconds(tombstone_lifetime)})
            .Replicated());
    CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                        co_await parts_.calls.Make(AffinityOf(shard), std::move(calls)));
    CO_ASSIGN_OR_RETURN(const std::vector<std::string> words, WordsOf(replies.front()));
    const bool had_ended = words.front() == "ended";
    if (words.front() == "moved" || (had_ended && was.state == GrantState::kActive)) continue;
    if (had_ended) co_return was;
    CO_RETURN_IF_ERROR(StatusOfWord(words.front()));

    co_await TendIndexes(indexes, parts_);
    std::vector<RedisCall> endings;
    for (std::string& index : indexes) {
      endings.push_back(RedisCall::Run(scripts::kEndInIndex, {std::move(index)},
                                       {grant_id, Milliseconds(tombstone_lifetime)}));
    }
    // Best effort: a set that stays is found empty by whoever lists it.
    (void)co_await parts_.calls.Make(AffinityOf(shard), std::move(endings));
    co_return was;
  }
  co_return WithRetryAfter(Error(Reason::kStoreUnavailable), absl::Seconds(1));
}

StatusTask RedisGrants::Touch(std::string grant_id, absl::Time when) {
  const int shard = ShardOf(grant_id);
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command(
      {"ZADD", parts_.keys.Used(shard), "XX", "GT", UnixMicroseconds(when), grant_id}));
  co_return (co_await parts_.calls.Make(AffinityOf(shard), std::move(calls))).status();
}

}  // namespace tokenbroker::storage
