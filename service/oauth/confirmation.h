// What an access token says that it is bound to (RFC 7800 section 3, RFC 8705 section 3, RFC 9449
// section 6.1).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "base/json.h"

namespace tokenbroker::oauth {

// Whether `claims`, of a JWT access token or of an answer of the introspection endpoint, have a
// `cnf` whose `x5t#S256` is one of `thumbprints`.
// Errors: PROVIDER_RESPONSE_INVALID with metadata `check` TOKEN_NOT_BOUND. Pure and thread-safe.
absl::Status CheckCertificateConfirmation(const Json& claims,
                                          const std::vector<std::string>& thumbprints);

// Whether `claims`, of a JWT access token, name no other key in `cnf`.`jkt` than that of
// `thumbprint`. A token that names none may be bound all the same: its server may keep the key
// elsewhere (RFC 9449 section 6.2). Errors and the rest as above.
absl::Status CheckKeyConfirmation(const Json& claims, const std::string& thumbprint);

}  // namespace tokenbroker::oauth
