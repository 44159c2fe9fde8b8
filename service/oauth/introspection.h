// What a provider says of a token by introspection (RFC 7662).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// Whose token it must be. No text is empty.
struct ExpectedToken {
  std::string issuer;
  std::string client_id;
  std::string subject;
  // That it must be bound to one of (RFC 8705 section 3.2), as `x5t#S256`. None: it need not be.
  std::optional<std::vector<std::string>> certificates = std::nullopt;
};

// Checks an answer of the introspection endpoint: the token is active, has not expired, and is the
// expected one's as far as the answer says whose it is (`iss`, `client_id`, `sub`).
// Errors: for an answer that is no 200, those of AnswerError, except that no word of the provider's
// makes it REAUTHORIZATION_REQUIRED or PROVIDER_DENIED: the grant is not what was asked about. Else
// PROVIDER_RESPONSE_INVALID with metadata `check`: ERROR_UNEXPECTED, CONTENT_TYPE_UNSUPPORTED,
// JSON_MALFORMED, TOKEN_INACTIVE, ISSUER_MISMATCH, CLIENT_MISMATCH, SUBJECT_MISMATCH,
// TOKEN_EXPIRED, TOKEN_NOT_BOUND, CLAIM_MISSING or CLAIM_MALFORMED (metadata `claim`). Pure and
// thread-safe.
absl::Status CheckIntrospection(const HttpAnswer& answer, const ExpectedToken& expected,
                                absl::Time now);

}  // namespace tokenbroker::oauth
