#include "storage/redis/redis_authorizations.h"

#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "grants/record.h"
#include "storage/redis/scripts.h"

namespace tokenbroker::storage {
namespace {

using grants::CallbackOutcome;
using grants::ClaimedAuthorization;
using grants::PendingAuthorization;

grants::SealedName RequestOf(const std::string& key) { return {.name = key + "#request"}; }
grants::SealedName OutcomeOf(const std::string& key) { return {.name = key + "#outcome"}; }

absl::StatusOr<ClaimedAuthorization> ReadClaim(const std::vector<std::string>& words,
                                               const grants::KeyRing& ring,
                                               const std::string& key) {
  using Phase = ClaimedAuthorization::Phase;
  ClaimedAuthorization claim;
  if (words[0] == "unknown") return Error(Reason::kStateUnknown);
  if (words[0] == "claimed") {
    claim.phase = Phase::kClaimed;
  } else if (words[0] == "in_progress") {
    claim.phase = Phase::kInProgress;
  } else if (words[0] == "answered" && words.size() == 2) {
    claim.phase = Phase::kAnswered;
    ASSIGN_OR_RETURN(const Secret outcome, ring.Open(words[1], OutcomeOf(key)));
    ASSIGN_OR_RETURN(claim.outcome, grants::ParseOutcome(outcome.Reveal()));
  } else {
    return UnexpectedReply();
  }
  return claim;
}

}  // namespace

StatusTask RedisAuthorizations::Put(Secret state, PendingAuthorization pending) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(state, *names);
  const absl::Time now = parts_.clock.Now();
  const std::string open_key = parts_.keys.Open(names->Of("caller", {pending.caller}));
  const std::string lifetime = Milliseconds(pending.expires_at - now);
  const Secret request = grants::SerializeAuthorization(pending);

  std::vector<RedisCall> calls;
  // The set first: an authorization that is not counted would be worse than a count too high.
  calls.push_back(
      RedisCall::Command({"ZADD", open_key, UnixMilliseconds(pending.expires_at), place.name}));
  calls.push_back(
      RedisCall::Command({"ZREMRANGEBYSCORE", open_key, "-inf", UnixMilliseconds(now)}));
  calls.push_back(RedisCall::Command({"PEXPIRE", open_key, lifetime, "NX"}));
  calls.push_back(RedisCall::Command({"PEXPIRE", open_key, lifetime, "GT"}));
  calls.push_back(
      RedisCall::Run(scripts::kPutAuthorization, {place.key},
                     {parts_.ring.Seal(request, RequestOf(place.key)), lifetime, open_key}));
  co_return (co_await parts_.calls.Make(place.affinity, std::move(calls))).status();
}

Task<PendingAuthorization> RedisAuthorizations::Find(Secret state) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(state, *names);
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command({"HGET", place.key, "request"}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(place.affinity, std::move(calls)));
  const RedisReply& sealed = replies.front();
  if (sealed.IsNil()) co_return Error(Reason::kStateUnknown);
  if (sealed.String() == nullptr) co_return UnexpectedReply();
  CO_ASSIGN_OR_RETURN(const Secret request,
                      parts_.ring.Open(*sealed.String(), RequestOf(place.key)));
  co_return grants::ParseAuthorization(request.Reveal());
}

Task<ClaimedAuthorization> RedisAuthorizations::Claim(Secret state, std::string callback_digest) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(state, *names);
  std::vector<std::string> keys = {place.key};
  std::vector<std::string> arguments = {names->Of("callback", {callback_digest}), RandomToken(16)};
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await parts_.calls.Run(place.affinity, scripts::kClaimAuthorization,
                                                std::move(keys), std::move(arguments)));
  co_return ReadClaim(words, parts_.ring, place.key);
}

StatusTask RedisAuthorizations::Finish(Secret state, CallbackOutcome outcome) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(state, *names);
  const Secret record = grants::SerializeOutcome(outcome);
  std::vector<std::string> keys = {place.key};
  std::vector<std::string> arguments = {parts_.ring.Seal(record, OutcomeOf(place.key))};
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await parts_.calls.Run(place.affinity, scripts::kFinishAuthorization,
                                                std::move(keys), std::move(arguments)));
  if (words[0] == "unknown") co_return Error(Reason::kStateUnknown);
  if (words[0] != "ok" || words.size() != 2) co_return UnexpectedReply();
  co_await Close(place, words[1]);
  co_return absl::OkStatus();
}

StatusTask RedisAuthorizations::Spend(Secret state) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const Place place = PlaceOf(state, *names);
  std::vector<std::string> keys = {place.key};
  CO_ASSIGN_OR_RETURN(const std::vector<std::string> words,
                      co_await parts_.calls.Run(place.affinity, scripts::kSpendAuthorization,
                                                std::move(keys), std::vector<std::string>()));
  if (words[0] != "ok" || words.size() != 2) co_return UnexpectedReply();
  if (!words[1].empty()) co_await Close(place, words[1]);
  co_return absl::OkStatus();
}

Task<std::size_t> RedisAuthorizations::Count(std::string caller) {
  CO_ASSIGN_OR_RETURN(const auto names, co_await parts_.index_key.Get());
  const std::string open_key = parts_.keys.Open(names->Of("caller", {caller}));
  std::vector<RedisCall> calls;
  calls.push_back(
      RedisCall::Command({"ZCOUNT", open_key, "(" + UnixMilliseconds(parts_.clock.Now()), "+inf"}));
  CO_ASSIGN_OR_RETURN(const std::vector<RedisReply> replies,
                      co_await parts_.calls.Make(0, std::move(calls)));
  if (replies.front().Integer() == nullptr) co_return UnexpectedReply();
  co_return static_cast<std::size_t>(*replies.front().Integer());
}

RedisAuthorizations::Place RedisAuthorizations::PlaceOf(const Secret& state,
                                                        const grants::KeyedHash& names) const {
  Place place;
  place.name = names.Of("state", {state.Reveal()});
  place.key = parts_.keys.Authorization(place.name);
  place.affinity = AffinityOf(ShardOf(place.name));
  return place;
}

asio::awaitable<void> RedisAuthorizations::Close(Place place, std::string open_key) {
  std::vector<RedisCall> calls;
  calls.push_back(RedisCall::Command({"ZREM", std::move(open_key), place.name}));
  (void)co_await parts_.calls.Make(place.affinity, std::move(calls));
}

}  // namespace tokenbroker::storage
