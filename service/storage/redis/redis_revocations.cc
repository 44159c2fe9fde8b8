#include "storage/redis/redis_revocations.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "base/status_macros.h"
#include "grants/record.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {
namespace {

using grants::PendingRevocation;

grants::SealedName SealedNameOf(const std::string& id, const RedisKeys& keys) {
  return {.name = keys.Revocation(id), .generation = 0};
}

absl::StatusOr<PendingRevocation> Open(const std::string& id, const std::string& sealed,
                                       const RedisParts& parts) {
  ASSIGN_OR_RETURN(const Secret bytes, parts.ring.Open(sealed, SealedNameOf(id, parts.keys)));
  return grants::ParseRevocation(bytes.Reveal());
}

}  // namespace

StatusTask RedisRevocations::Put(PendingRevocation revocation, absl::Time due,
                                 absl::Duration lifetime) {
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Run(scripts::kPutRevocation,
                                 {parts_.keys.Revocation(revocation.id), parts_.keys.Revocations(),
                                  parts_.keys.RevocationTimes()},
                                 {revocation.id,
                                  parts_.ring.Seal(grants::SerializeRevocation(revocation),
                                                   SealedNameOf(revocation.id, parts_.keys)),
                                  Milliseconds(lifetime), UnixMilliseconds(due),
                                  UnixMilliseconds(revocation.queued_at)})
                      .Replicated());
  co_return (co_await parts_.calls.Make(AffinityOf(kRevocationShard), std::move(calls))).status();
}

Task<std::vector<PendingRevocation>> RedisRevocations::Claim(absl::Time now, std::size_t limit,
                                                             absl::Duration visibility) {
  std::vector<std::string> keys = {parts_.keys.Revocations(), parts_.keys.RevocationTimes()};
  std::vector<std::string> arguments = {UnixMilliseconds(now), std::to_string(limit),
                                        UnixMilliseconds(now + visibility),
                                        parts_.keys.Revocation("")};
  CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> words,
      co_await parts_.calls.Run(AffinityOf(kRevocationShard), scripts::kClaimRevocations,
                                std::move(keys), std::move(arguments)));
  std::vector<PendingRevocation> claimed;
  for (std::size_t i = 1; i + 1 < words.size(); i += 2) {
    auto revocation = Open(words[i], words[i + 1], parts_);
    // One that does not open is hidden for a while, for a replica whose ring has the key.
    if (revocation.ok()) claimed.push_back(*std::move(revocation));
  }
  co_return claimed;
}

StatusTask RedisRevocations::Drop(std::string id) {
  std::vector<std::string> keys = {parts_.keys.Revocation(id), parts_.keys.Revocations(),
                                   parts_.keys.RevocationTimes()};
  std::vector<std::string> arguments = {std::move(id)};
  co_return (co_await parts_.calls.Run(AffinityOf(kRevocationShard), scripts::kDropRevocation,
                                       std::move(keys), std::move(arguments)))
      .status();
}

Task<grants::RevocationSummary> RedisRevocations::Summarize() {
  std::vector<std::string> keys = {parts_.keys.Revocations(), parts_.keys.RevocationTimes()};
  std::vector<std::string> arguments = {parts_.keys.Revocation("")};
  CO_ASSIGN_OR_RETURN(
      const std::vector<std::string> words,
      co_await parts_.calls.Run(AffinityOf(kRevocationShard), scripts::kSummarizeRevocations,
                                std::move(keys), std::move(arguments)));
  grants::RevocationSummary summary;
  if (words.size() < 2 || !absl::SimpleAtoi(words[1], &summary.pending)) {
    co_return UnexpectedReply();
  }
  if (words.size() > 2) {
    CO_ASSIGN_OR_RETURN(summary.oldest, TimeOfScore(words[2]));
  }
  co_return summary;
}

}  // namespace tokenbroker::storage
