// What a logout token must say to be believed (OpenID Connect Back-Channel Logout 1.0). Its
// signature is checked before, by jose::VerifyJws.
#pragma once

#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"

namespace tokenbroker::oauth {

// How long ago a logout token may have been issued, whatever its `exp` says.
inline constexpr absl::Duration kMaxLogoutTokenAge = absl::Hours(24);

// Whom a logout token signs out: a session, or every session of a subject, or a session that must
// be this subject's. One of the two is there.
struct LogoutToken {
  std::optional<std::string> subject;
  std::optional<std::string> session_id;  // sid
  std::string token_id;                   // jti
  absl::Time valid_until;                 // from then on ValidateLogoutToken refuses it
};

// Issuer and client_id must be set.
struct ExpectedLogoutToken {
  std::string issuer;
  std::string client_id;
  absl::Duration clock_skew = absl::Seconds(60);
  bool expiry_required = true;  // section 2.4; a switch per provider
};

// Checks the claims of section 2.6. `now` is wall clock, UTC.
// Errors: CLAIM_MISSING and CLAIM_MALFORMED (metadata `claim`; `nonce` is malformed wherever it is
// there, so that no ID token passes), ISSUER_MISMATCH, AUDIENCE_MISMATCH, TOKEN_EXPIRED,
// TOKEN_NOT_YET_VALID, ISSUED_IN_FUTURE, ISSUED_TOO_LONG_AGO.
// Pure and thread-safe. No error carries a claim's value.
absl::StatusOr<LogoutToken> ValidateLogoutToken(const Json& claims,
                                                const ExpectedLogoutToken& expected,
                                                absl::Time now);

}  // namespace tokenbroker::oauth
