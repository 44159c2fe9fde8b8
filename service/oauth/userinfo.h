// The UserInfo response (OIDC Core 5.3).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "base/secret.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// What a signed UserInfo response must say. No member is empty.
struct ExpectedUserInfo {
  std::string issuer;
  std::string client_id;
  std::string subject;
  absl::Duration clock_skew = absl::Seconds(60);
};

// The JWT of a response to a client that is registered to get one (`application/jwt`), still to be
// decrypted and verified.
// Errors: as ParseUserInfo; CONTENT_TYPE_UNSUPPORTED also for JSON: signed claims are never traded
// for unsigned ones.
absl::StatusOr<Secret> ReadUserInfoJwt(const HttpAnswer& answer, absl::Time now);

// Checks the claims of such a JWT: `iss` and `aud` (Core 5.3.2, required here), `sub`, and the
// times that are there. Errors: CLAIM_MISSING, CLAIM_MALFORMED, ISSUER_MISMATCH, AUDIENCE_MISMATCH,
// SUBJECT_MISMATCH, TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, ISSUED_IN_FUTURE. Pure and thread-safe.
absl::Status CheckSignedUserInfo(const Json& claims, const ExpectedUserInfo& expected,
                                 absl::Time now);

// Reads a JSON UserInfo response and checks that it speaks of `subject`.
// Errors: PROVIDER_RESPONSE_INVALID with metadata `check`: SUBJECT_MISMATCH, CLAIM_MISSING, … ;
// 401 → PROVIDER_RESPONSE_INVALID with metadata `error` = invalid_token; 403, 429, 5xx as
// ParseTokenResponse does.
absl::StatusOr<Json> ParseUserInfo(const HttpAnswer& answer, std::string_view subject,
                                   absl::Time now);

}  // namespace tokenbroker::oauth
