#include "broker/refresh_intent.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tokenbroker::broker {
namespace {

// Within this a store that takes changes again has the answer that somebody holds for it.
constexpr absl::Duration kLongestRetryOfACommit = absl::Seconds(2);
// Within this a store that was away has been connected to again, and has it.
constexpr absl::Duration kLongestReturn = absl::Seconds(3);

}  // namespace

bool MayReplay(const grants::RefreshIntent& intent, const provider::ProviderRules& rules,
               absl::Time now) {
  return !intent.replayed && now - intent.sent_at < rules.reuse_leeway;
}

absl::Time AnswerMayComeUntil(const grants::RefreshIntent& intent, absl::Duration lease,
                              std::optional<absl::Time> seen_since, absl::Time met_at) {
  // One lease for the sender to be missed, and one for it to come back.
  const absl::Duration patience = 2 * lease;
  if (!seen_since) return std::max(intent.sent_at, met_at) + patience;
  return std::max({intent.sent_at + patience, *seen_since + std::max(lease, kLongestReturn),
                   met_at + std::min(lease, kLongestRetryOfACommit)});
}

namespace {

absl::Time LastEnd(const grants::Grant& grant) {
  absl::Time last_end = absl::InfinitePast();
  for (const auto& [selector, token] : grant.access_tokens) {
    last_end = std::max(last_end, token.expires_at);
  }
  return last_end;
}

}  // namespace

bool HasNothingLeft(const grants::Grant& grant, absl::Time now) { return now >= LastEnd(grant); }

absl::StatusOr<grants::RefreshIntent> NextIntent(
    const grants::Grant& grant, const std::optional<grants::RefreshIntent>& earlier,
    const provider::Provider& provider, std::string holder, std::uint64_t fence, absl::Time now) {
  grants::RefreshIntent next{.holder = std::move(holder), .fence = fence, .sent_at = now};
  if (!earlier) return next;
  if (MayReplay(*earlier, provider.rules(), now)) {
    next.replayed = true;
    return next;
  }
  if (HasNothingLeft(grant, now)) return next;
  return WithRetryAfter(
      ErrorWithMessage(
          Reason::kProviderUnavailable,
          "The outcome of an earlier refresh is unknown; the access token is served to "
          "its end before the refresh token is tried again.",
          {{"provider", provider.name()}, {"cause", "outcome_unknown"}}),
      LastEnd(grant) - now);
}

}  // namespace tokenbroker::broker
