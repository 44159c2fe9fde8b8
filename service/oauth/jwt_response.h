// Authorization responses as signed JWTs (JARM, JWT Secured Authorization Response Mode).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "oauth/authorization_response.h"

namespace tokenbroker::oauth {

// What the JWT must say of itself; neither text may be empty.
struct ExpectedJwtResponse {
  std::string issuer;
  std::string client_id;
  absl::Duration clock_skew = absl::Seconds(60);
};

// Opens `envelope`, whose `response` has a signature that was verified and says `claims`: what
// comes back has no `response` but the parameters in it, and the verified issuer (JARM
// section 2.4). Required are `iss`, `aud` (this client and nobody else), `exp` and `state`; `iat`
// and `nbf` are checked where they are.
//
// Errors: CLAIM_MISSING, CLAIM_MALFORMED (metadata `claim`), ISSUER_MISMATCH, AUDIENCE_MISMATCH,
// TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, ISSUED_IN_FUTURE, STATE_UNKNOWN where it is not the state
// that `envelope` was found by. Pure and thread-safe. No error carries a claim's value.
absl::StatusOr<AuthorizationResponse> OpenJwtResponse(AuthorizationResponse envelope,
                                                      const Json& claims,
                                                      const ExpectedJwtResponse& expected,
                                                      absl::Time now);

}  // namespace tokenbroker::oauth
