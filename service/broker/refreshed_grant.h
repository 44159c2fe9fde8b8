// A grant with what the provider answered to its refresh token in it. Pure.
#pragma once

#include "absl/time/time.h"
#include "broker/client.h"
#include "broker/refresh.h"
#include "grants/grant.h"
#include "oauth/token_request.h"
#include "oauth/token_response.h"

namespace tokenbroker::broker {

// The request that brings what `need` asks for. The grant has a refresh token.
oauth::RefreshToken RefreshRequestFor(const grants::Grant& grant, const RefreshNeed& need,
                                      const Client& client);

// The next generation of the grant, with everything of the answer (RFC 6749 section 6): a refresh
// token that is not in it stays, one that is replaces the old one. Moves the tokens out of it.
// `sent_at` as of KeepAccessToken.
grants::Grant Refreshed(const grants::Grant& grant, const RefreshNeed& need, const Client& client,
                        oauth::TokenResponse& response, absl::Time sent_at, absl::Time now);

// The next generation with nothing of the answer but the refresh token, since the old one is spent.
// Its next refresh is due after a pause.
grants::Grant Rotated(const grants::Grant& grant, const Secret& refresh_token, const Client& client,
                      absl::Time now);

}  // namespace tokenbroker::broker
