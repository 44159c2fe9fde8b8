// How long things live: access tokens by the provider's word or the next best one, grants by ours.
#pragma once

#include <optional>

#include "absl/time/time.h"
#include "broker/client.h"
#include "grants/grant.h"
#include "oauth/token_response.h"

namespace tokenbroker::broker {

// The access token of `response` as it is kept. Its lifetime is `expires_in`, else the `exp` of a
// token that is a JWT, else the provider's default. `asked` is what the scopes are where the
// response does not say (RFC 6749 section 5.1). Moves the token out of `response`.
//
// `sent_at` is when the request was about to leave: lifetimes count from there, since nobody knows
// when the provider made the token, and its answer and the checks of it may have taken long.
grants::AccessToken KeepAccessToken(oauth::TokenResponse& response, const oauth::Scopes& asked,
                                    const Client& client, absl::Time sent_at);

// Whether a token that lives from `obtained_at` to `expires_at` can be handed out at `now` to a
// caller that needs it for `min_remaining` more. One that is about to end is not: it would die on
// its way.
bool IsGoodFor(absl::Time obtained_at, absl::Time expires_at, absl::Duration min_remaining,
               absl::Time now);

// When the grant ends if nobody uses it from `now` on.
absl::Time EndOf(const grants::Grant& grant, const Client& client, absl::Time now);

// From when on a token should be renewed ahead of time: at a fraction of its lifetime, with jitter
// that is the grant's own and stable, so that grants made together do not refresh together.
absl::Time RefreshAfter(const std::string& grant_id, const grants::AccessToken& token,
                        const RefreshRules& rules);

// By when the refresh token is to be used, lest the provider drops it for lying idle; nothing where
// nobody said how long it may.
std::optional<absl::Time> KeepAliveAt(const grants::Grant& grant, const RefreshRules& rules);

// When the grant is to be refreshed without anybody asking for it: RefreshAfter of its own token,
// or KeepAliveAt where that comes first, but never sooner than `floor` after its last tokens came,
// however short they live.
absl::Time NextRefresh(const grants::Grant& grant, const RefreshRules& rules);

}  // namespace tokenbroker::broker
