// Bearer JWTs that prove who a caller is, such as Kubernetes' projected service-account tokens.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"
#include "callers/caller.h"
#include "callers/issuer_keys.h"
#include "jose/algorithm.h"

namespace tokenbroker::callers {

// An issuer whose tokens are taken.
struct JwtIssuer {
  std::string issuer;                       // `iss`, byte for byte
  std::string audience;                     // what `aud` must contain: this broker
  std::vector<jose::Algorithm> algorithms;  // with none, no token verifies
  std::shared_ptr<IssuerKeys> keys;
};

// How much clocks may differ.
inline constexpr absl::Duration kClockSkew = absl::Seconds(60);

// The token of an `authorization` value of the Bearer scheme (RFC 6750 section 2.1); nothing for
// any other value.
std::optional<std::string_view> ParseBearer(std::string_view authorization);

// The `iss` of a JWT that nobody has vouched for yet: only good for choosing the keys to check it
// with. Nothing where it does not parse.
std::optional<std::string> ParseUnverifiedIssuer(std::string_view token);

// What a verified token says.
struct BearerClaims {
  JwtSubject subject;
  absl::Time expires_at;
};

// Checks the claims of a token whose signature has been checked. `exp` and `sub` must be there.
// Errors: CLAIM_MISSING, CLAIM_MALFORMED, ISSUER_MISMATCH, AUDIENCE_MISMATCH, TOKEN_EXPIRED,
// TOKEN_NOT_YET_VALID, ISSUED_IN_FUTURE. Pure and thread-safe.
absl::StatusOr<BearerClaims> ValidateBearerClaims(const Json& claims, const JwtIssuer& issuer,
                                                  absl::Time now);

}  // namespace tokenbroker::callers
