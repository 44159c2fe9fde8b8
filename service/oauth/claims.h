// Claims of a JWT read by their types (RFC 7519 section 4.1), for every kind of token checked here.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/json.h"

namespace tokenbroker::oauth {

// The claims of a compact JWS that nothing vouches for: a hint of what it might be, never more.
// Nothing where it has not three parts or its payload is no strict JSON object.
std::optional<Json> PeekClaims(std::string_view compact);

// All errors: CLAIM_MISSING and CLAIM_MALFORMED, with metadata `claim`. None has a claim's value.

absl::Status ClaimMissing(std::string_view claim);
absl::Status ClaimMalformed(std::string_view claim);

// A string that is not empty and has no control character; nothing where the claim is absent.
absl::StatusOr<std::optional<std::string>> ReadString(const Json& claims, std::string_view claim);
absl::StatusOr<std::string> RequireString(const Json& claims, std::string_view claim);

// `sub`: RequireString of at most 255 bytes (OIDC Core 2).
absl::StatusOr<std::string> RequireSubject(const Json& claims);

// A NumericDate (RFC 7519 section 2), fractions included; nothing where the claim is absent.
// Malformed are numbers below zero and those more than 50 years after `now`: milliseconds,
// overflows and other ways to write "never".
absl::StatusOr<std::optional<absl::Time>> ReadNumericDate(const Json& claims,
                                                          std::string_view claim, absl::Time now);
absl::StatusOr<absl::Time> RequireNumericDate(const Json& claims, std::string_view claim,
                                              absl::Time now);

// `aud`: one string, or an array of strings, none of them empty.
absl::StatusOr<std::vector<std::string>> RequireAudience(const Json& claims);

// Checks `exp` (required) and `nbf` against `now`, and returns `iat` (required), which may not be
// in the future. `clock_skew` is allowed either way; `exp` = now - clock_skew has expired.
// Errors besides: TOKEN_EXPIRED, TOKEN_NOT_YET_VALID, ISSUED_IN_FUTURE.
absl::StatusOr<absl::Time> CheckLifetime(const Json& claims, absl::Duration clock_skew,
                                         absl::Time now);

}  // namespace tokenbroker::oauth
