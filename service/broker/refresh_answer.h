// What is done with what the provider answered to a refresh token. Part of a flight: the lease is
// held, the intent stored.
#pragma once

#include <optional>

#include "absl/status/status.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/refresh_steps.h"
#include "oauth/token_response.h"

namespace tokenbroker::broker {

// Checks the tokens and stores them. From here on nothing may be lost: a rotated refresh token is
// kept whatever becomes of the rest. Errors: PROVIDER_RESPONSE_INVALID and others of the checks.
StatusTask UseAnswer(Flight& flight, oauth::TokenResponse response);

// The answer is refused with `refusal`, but it has a new refresh token, and the old one is spent.
StatusTask UseOnlyRefreshToken(Flight& flight, Secret rotated, absl::Status refusal);

// There were no tokens. Ends the grant on an `invalid_grant` that nobody's refresh explains; leaves
// the intent where the refresh token may be spent. Returns `failure`; OK where the grant has been
// refreshed by somebody else.
StatusTask AfterFailure(Flight& flight, absl::Status failure);

}  // namespace tokenbroker::broker
