#include "storage/redis/redis_rewrap.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "grants/grant_filter.h"
#include "grants/page_size.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {
namespace {

using grants::RewrapPage;

constexpr std::size_t kRecordsAtOnce = 100;

// A record of a grant as it lies there; nothing where there is none any more.
struct SealedRecord {
  std::string sealed;
  std::uint64_t generation = 0;
};

std::optional<SealedRecord> RecordOf(const RedisReply& reply) {
  const auto* fields = reply.Array();
  if (fields == nullptr || fields->size() != 2) return std::nullopt;
  const std::string* const generation = (*fields)[0].String();
  const std::string* const sealed = (*fields)[1].String();
  SealedRecord record;
  if (generation == nullptr || sealed == nullptr ||
      !absl::SimpleAtoi(*generation, &record.generation)) {
    return std::nullopt;
  }
  record.sealed = *sealed;
  return record;
}

}  // namespace

Task<RewrapPage> RedisRewrap::Rewrap(std::size_t page_size, std::string page_token) {
  page_size = std::clamp<std::size_t>(page_size, 1, grants::kMaxPageSize);
  // The index key is the one sealed record besides; reading it seals it anew.
  parts_.index_key.Forget();
  CO_RETURN_IF_ERROR((co_await parts_.index_key.Get()).status());
  std::string cursor;
  if (!page_token.empty()) {
    CO_ASSIGN_OR_RETURN(cursor, grants::OpenPageToken(parts_.ring, {}, page_token));
  }
  RewrapPage page;
  std::size_t looked_at = 0;
  while (looked_at < page_size) {
    const std::size_t count = std::min(kRecordsAtOnce, page_size - looked_at);
    CO_ASSIGN_OR_RETURN(RedisListing::Candidates candidates,
                        co_await listing_.FromShards(cursor, count));
    if (!candidates.list.empty()) cursor = candidates.list.back().cursor;
    looked_at += candidates.list.size();
    std::vector<std::string> grant_ids;
    for (auto& candidate : candidates.list) grant_ids.push_back(std::move(candidate.grant_id));
    CO_RETURN_IF_ERROR(co_await RewrapAll(std::move(grant_ids), page));
    if (candidates.end) co_return page;
  }
  page.next_page_token = grants::SealPageToken(parts_.ring, {}, cursor);
  co_return page;
}

StatusTask RedisRewrap::RewrapAll(std::vector<std::string> grant_ids, RewrapPage& page) {
  std::vector<RedisCall> reads;
  for (const std::string& id : grant_ids) {
    reads.push_back(RedisCall::Command({"HMGET", parts_.keys.Grant(id), "generation", "record"}));
  }
  if (reads.empty()) co_return absl::OkStatus();
  const std::size_t affinity = AffinityOf(ShardOf(grant_ids.front()));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(affinity, std::move(reads)));
  std::vector<RedisCall> writes;
  for (std::size_t i = 0; i < grant_ids.size(); ++i) {
    const auto record = RecordOf(replies[i]);
    if (!record) continue;
    if (parts_.ring.SealedWithFirst(record->sealed)) {
      ++page.current;
      continue;
    }
    const grants::SealedName name{.name = parts_.keys.Grant(grant_ids[i]),
                                  .generation = record->generation};
    const absl::StatusOr<Secret> opened = parts_.ring.Open(record->sealed, name);
    if (!opened.ok()) {
      ++page.unreadable;
      continue;
    }
    writes.push_back(RedisCall::Run(scripts::kRewrapGrant, {name.name},
                                    {record->sealed, parts_.ring.Seal(*opened, name)})
                         .Replicated());
  }
  if (writes.empty()) co_return absl::OkStatus();
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> written,
                      co_await parts_.calls.Make(affinity, std::move(writes)));
  for (const RedisReply& reply : written) {
    CO_ASSIGN_OR_RETURN(const std::vector<std::string> words, WordsOf(reply));
    // Whoever was faster wrote with the ring's first key, or the next page finds what they wrote.
    ++(words.front() == "ok" ? page.rewrapped : page.current);
  }
  co_return absl::OkStatus();
}

}  // namespace tokenbroker::storage
