#include "broker/refreshed_grant.h"

#include <algorithm>
#include <utility>

#include "broker/lifetime.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;

// How many selections of one grant are kept; the ones that ended longest ago go first.
constexpr std::size_t kMaxTokensOfGrant = 16;

constexpr absl::Duration kPauseAfterNonsense = absl::Minutes(1);

}  // namespace

oauth::RefreshToken RefreshRequestFor(const Grant& grant, const RefreshNeed& need,
                                      const Client& client) {
  const grants::TokenSelector& selector = need.selector;
  // A provider remembers the grant's audience, but among several resources it has to be told
  // (RFC 8707 section 2.2).
  Target target = TargetOf(client, selector.audience.empty() ? grant.audience : selector.audience);
  return {.refresh_token = grant.refresh_token->Copy(),
          .scopes = selector.scopes,
          .audience = selector.audience.empty() ? std::nullopt : std::move(target.audience),
          .resources = std::move(target.resources)};
}

Grant Refreshed(const Grant& grant, const RefreshNeed& need, const Client& client,
                oauth::TokenResponse& response, absl::Time sent_at, absl::Time now) {
  const grants::TokenSelector& selector = need.selector;
  Grant next = grant.Copy();
  next.intent.reset();
  next.generation = grant.generation + 1;
  next.last_refreshed_at = now;
  if (response.refresh_token) next.refresh_token = std::move(response.refresh_token);
  if (response.id_token) next.raw_id_token = std::move(response.id_token);
  if (selector.scopes.empty() && response.scopes) next.scopes = *response.scopes;
  const oauth::Scopes& asked = selector.scopes.empty() ? next.scopes : selector.scopes;
  next.access_tokens.insert_or_assign(selector, KeepAccessToken(response, asked, client, sent_at));
  while (next.access_tokens.size() > kMaxTokensOfGrant) {
    next.access_tokens.erase(std::min_element(
        next.access_tokens.begin(), next.access_tokens.end(),
        [](const auto& a, const auto& b) { return a.second.expires_at < b.second.expires_at; }));
  }
  next.next_refresh_at = NextRefresh(next, client.refresh);
  if (!need.ahead_of_time) next.last_used_at = now;
  next.ends_at = EndOf(next, client, next.last_used_at);
  return next;
}

Grant Rotated(const Grant& grant, const Secret& refresh_token, const Client& client,
              absl::Time now) {
  Grant next = grant.Copy();
  next.intent.reset();
  next.generation = grant.generation + 1;
  next.refresh_token = refresh_token.Copy();
  // The time in the record is past: a provider that answers nonsense is not asked again at once.
  if (next.next_refresh_at) {
    next.next_refresh_at = now + std::max(client.refresh.floor, kPauseAfterNonsense);
  }
  return next;
}

}  // namespace tokenbroker::broker
