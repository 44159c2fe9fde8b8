#include "broker/refresh_intent.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tokenbroker::broker {

bool MayReplay(const grants::RefreshIntent& intent, const provider::ProviderRules& rules,
               absl::Time now) {
  return !intent.replayed && now - intent.sent_at < rules.reuse_leeway;
}

absl::StatusOr<grants::RefreshIntent> NextIntent(
    const grants::Grant& grant, const std::optional<grants::RefreshIntent>& earlier,
    const provider::Provider& provider, std::string holder, std::uint64_t fence, absl::Time now) {
  grants::RefreshIntent next{.holder = std::move(holder), .fence = fence, .sent_at = now};
  if (!earlier) return next;
  if (MayReplay(*earlier, provider.rules(), now)) {
    next.replayed = true;
    return next;
  }
  absl::Time last_end = absl::InfinitePast();
  for (const auto& [selector, token] : grant.access_tokens) {
    last_end = std::max(last_end, token.expires_at);
  }
  if (now >= last_end) return next;
  return WithRetryAfter(
      ErrorWithMessage(
          Reason::kProviderUnavailable,
          "The outcome of an earlier refresh is unknown; the access token is served to "
          "its end before the refresh token is tried again.",
          {{"provider", provider.name()}, {"cause", "outcome_unknown"}}),
      last_end - now);
}

}  // namespace tokenbroker::broker
