#include "broker/refresh_intent.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "broker/lease_renewal.h"

namespace tokenbroker::broker {
namespace {

absl::Time LastEnd(const grants::Grant& grant) {
  absl::Time last_end = absl::InfinitePast();
  for (const auto& [selector, token] : grant.access_tokens) {
    last_end = std::max(last_end, token.expires_at);
  }
  return last_end;
}

}  // namespace

bool MayReplay(const grants::RefreshIntent& intent, const provider::ProviderRules& rules,
               absl::Time now) {
  return !intent.replayed && now - intent.sent_at < rules.reuse_leeway;
}

absl::Time AnswerMayComeUntil(const grants::RefreshIntent& intent, absl::Duration lease,
                              std::optional<absl::Time> seen_since, absl::Time took_change_at) {
  const absl::Duration retry = std::max(kLongestRetry, lease / kRenewalsInALease);
  return std::max({intent.sent_at + 2 * lease,
                   seen_since.value_or(took_change_at) + kLongestReturn + retry,
                   took_change_at + retry});
}

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
