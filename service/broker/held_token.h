// From what a grant holds to what is handed out.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "broker/asker.h"
#include "broker/client.h"
#include "broker/token_cache.h"
#include "grants/grant.h"

namespace tokenbroker::broker {

// Which of the grant's tokens is meant by `scopes` (empty: all that were granted) and `audience`
// (empty: the grant's own), in the one form that equal selections share. Pure.
// Errors: INVALID_REQUEST with field `scopes`, SCOPE_NOT_ALLOWED, AUDIENCE_NOT_ALLOWED.
absl::StatusOr<grants::TokenSelector> SelectToken(const std::vector<std::string>& scopes,
                                                  const std::string& audience,
                                                  const grants::Grant& grant, const Client& client);

// The token of `selector`, which the grant holds, as it is cached and handed out. Takes the time of
// reading a key for a grant that uses DPoP.
// Errors: RECORD_UNREADABLE.
absl::StatusOr<TokenSnapshot> TakeSnapshot(const grants::Grant& grant,
                                           const grants::TokenSelector& selector,
                                           const Client& client);

// Whether all that such a token can do is allowed to `asker`. Pure.
bool MayHave(const Asker& asker, const std::vector<std::string>& scopes,
             const std::string& audience);

// Whether policy lets `asker` have this very token: everything that it can do is allowed to it.
// Errors: SCOPE_NOT_ALLOWED.
absl::Status CheckRelease(const Asker& asker, const CachedToken& token);

// What is said of a grant that has ended, or has no token left that could be used:
// REAUTHORIZATION_REQUIRED, with `because`.
absl::Status Ended(const grants::Grant& grant);

}  // namespace tokenbroker::broker
