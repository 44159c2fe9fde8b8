#include "storage/redis/redis_listing.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "grants/grant_filter.h"
#include "grants/page_size.h"
#include "storage/redis/redis_grants.h"
#include "storage/redis/redis_index.h"

namespace tokenbroker::storage {
namespace {

using grants::Grant;
using grants::GrantFilter;
using grants::GrantPage;

// How many candidates one page looks at, so that a filter that hardly anything passes costs each
// call the same.
constexpr std::size_t kLookedAtPerPage = 1000;
constexpr std::size_t kBatch = 100;
constexpr int kShardsAtOnce = 64;

// A cursor is a number, a space and an id: the entry that came last. In an index the number is its
// score, in the walk through all grants its shard.
struct Cursor {
  std::string number;
  std::string grant_id;
};

absl::StatusOr<Cursor> ParseCursor(const std::string& text) {
  const auto space = text.find(' ');
  double number = 0;
  if (space == std::string::npos || !absl::SimpleAtod(text.substr(0, space), &number)) {
    return Error(Reason::kPageTokenInvalid);
  }
  return Cursor{text.substr(0, space), text.substr(space + 1)};
}

std::string ToCursor(const std::string& number, const std::string& grant_id) {
  return std::string(number).append(" ").append(grant_id);
}

}  // namespace

Task<GrantPage> RedisListing::List(GrantFilter filter, std::size_t page_size,
                                   std::string page_token) {
  page_size = std::clamp<std::size_t>(page_size, 1, grants::kMaxPageSize);
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const std::optional<std::string> index = IndexFor(filter, parts_.keys, *names);
  std::string cursor;
  if (!page_token.empty()) {
    CO_ASSIGN_OR_RETURN(cursor, grants::OpenPageToken(parts_.ring, filter, page_token));
  }
  GrantPage page;
  std::vector<IndexEntry> gone;
  bool end = false;
  for (std::size_t looked_at = 0; !end && page.grants.size() < page_size;) {
    if (looked_at >= kLookedAtPerPage) break;
    const std::size_t count = std::min(kBatch, page_size - page.grants.size());
    absl::StatusOr<Candidates> candidates;
    if (index) {
      candidates = co_await FromIndex(*index, cursor, count);
    } else {
      candidates = co_await FromShards(cursor, count);
    }
    if (!candidates.ok()) co_return candidates.status();
    end = candidates->end;
    if (candidates->list.empty()) continue;
    looked_at += candidates->list.size();
    cursor = candidates->list.back().cursor;
    std::vector<Candidate> list = candidates->list;
    CO_ASSIGN_OR_RETURN(auto read, co_await Read(std::move(list)));
    for (std::size_t i = 0; i < read.size(); ++i) {
      if (read[i].ok()) {
        if (grants::Matches(filter, *read[i])) page.grants.push_back(*std::move(read[i]));
      } else if (HasReason(read[i].status(), Reason::kGrantUnknown) && index) {
        gone.push_back({*index, candidates->list[i].grant_id});
      } else if (HasReason(read[i].status(), Reason::kRecordUnreadable)) {
        ++page.unreadable;
      }
    }
  }
  co_await RemoveGone(std::move(gone), parts_);
  if (!end) page.next_page_token = grants::SealPageToken(parts_.ring, filter, cursor);
  co_return page;
}

Task<RedisListing::Candidates> RedisListing::FromIndex(std::string index, std::string cursor,
                                                       std::size_t count) {
  std::optional<Cursor> after;
  if (!cursor.empty()) {
    CO_ASSIGN_OR_RETURN(after, ParseCursor(cursor));
  }
  Candidates candidates;
  // Entries of the very instant where the last page ended come first, and are passed over.
  for (std::size_t offset = 0; candidates.list.empty() && !candidates.end;) {
    std::vector<RedisCall> calls;
    calls.push_back(
        RedisCall::Command({"ZREVRANGEBYSCORE", index, after ? after->number : "+inf", "-inf",
                            "WITHSCORES", "LIMIT", std::to_string(offset), std::to_string(count)}));
    CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                        co_await parts_.calls.Make(0, std::move(calls)));
    CO_ASSIGN_OR_RETURN(const std::vector<std::string> entries, StringsOf(replies.front()));
    for (std::size_t i = 0; i + 1 < entries.size(); i += 2) {
      const std::string& id = entries[i];
      const std::string& score = entries[i + 1];
      if (after && score == after->number && id >= after->grant_id) continue;
      candidates.list.push_back({id, ToCursor(score, id)});
    }
    offset += entries.size() / 2;
    candidates.end = entries.size() / 2 < count;
  }
  co_return candidates;
}

Task<RedisListing::Candidates> RedisListing::FromShards(std::string cursor, std::size_t count) {
  int shard = 0;
  std::string after;
  if (!cursor.empty()) {
    CO_ASSIGN_OR_RETURN(const Cursor last, ParseCursor(cursor));
    if (!absl::SimpleAtoi(last.number, &shard)) co_return Error(Reason::kPageTokenInvalid);
    after = last.grant_id;
  }
  Candidates candidates;
  while (true) {
    CO_ASSIGN_OR_RETURN(const int next, co_await NextShard(shard));
    if (next >= kShards) {
      candidates.end = true;
      co_return candidates;
    }
    if (next != shard) after.clear();
    shard = next;
    std::vector<RedisCall> calls;
    calls.push_back(RedisCall::Command({"ZRANGE", parts_.keys.Used(shard), "0", "-1"}));
    CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                        co_await parts_.calls.Make(AffinityOf(shard), std::move(calls)));
    CO_ASSIGN_OR_RETURN(std::vector<std::string> ids, StringsOf(replies.front()));
    std::sort(ids.begin(), ids.end());
    for (auto id = std::upper_bound(ids.begin(), ids.end(), after);
         id != ids.end() && candidates.list.size() < count; ++id) {
      candidates.list.push_back({*id, ToCursor(std::to_string(shard), *id)});
    }
    if (!candidates.list.empty()) co_return candidates;
    ++shard;
    after.clear();
  }
}

Task<int> RedisListing::NextShard(int shard) {
  for (; shard < kShards; shard += kShardsAtOnce) {
    const int last = std::min(shard + kShardsAtOnce, kShards);
    std::vector<RedisCall> calls;
    for (int i = shard; i < last; ++i) {
      calls.push_back(RedisCall::Command({"EXISTS", parts_.keys.Used(i)}));
    }
    CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                        co_await parts_.calls.Make(0, std::move(calls)));
    for (std::size_t i = 0; i < replies.size(); ++i) {
      const auto* exists = replies[i].Integer();
      if (exists != nullptr && *exists == 1) co_return shard + static_cast<int>(i);
    }
  }
  co_return kShards;
}

Task<std::vector<absl::StatusOr<Grant>>> RedisListing::Read(std::vector<Candidate> candidates) {
  std::vector<RedisCall> calls;
  for (const Candidate& candidate : candidates) AppendRead(candidate.grant_id, parts_, calls);
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(0, std::move(calls)));
  std::vector<absl::StatusOr<Grant>> read;
  for (std::size_t i = 0; i < candidates.size(); ++i) {
    read.push_back(ReadGrant(candidates[i].grant_id, replies[2 * i], replies[2 * i + 1], parts_));
  }
  co_return read;
}

}  // namespace tokenbroker::storage
