// The authorization response: what the browser brought back (OIDC Core 3.3.2.5, RFC 6749 4.1.2,
// OAuth 2.0 Form Post Response Mode, RFC 9207).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"
#include "oauth/response_type.h"

namespace tokenbroker::oauth {

// Untrusted until CheckAuthorizationResponse and the ID token checks have passed.
struct AuthorizationResponse {
  ResponseMode mode = ResponseMode::kFormPost;  // how it came
  std::string redirect_uri;  // for query and fragment: the URL without its query and fragment
  Secret state;
  std::optional<Secret> code;
  std::optional<Secret> id_token;
  std::optional<Secret> access_token;
  std::optional<std::string> token_type;
  std::optional<std::string> expires_in;  // as sent; ReadExpiresIn makes sense of it
  std::optional<std::string> issuer;      // the `iss` parameter
  std::optional<std::string> error;
};

// Parses the raw `application/x-www-form-urlencoded` body of a form_post.
// Errors: CALLBACK_TOO_LARGE (over 1 MiB, or over 100 parameters), DUPLICATE_PARAMETER (metadata
// `parameter`; only for known names), CALLBACK_MALFORMED (bad percent-encoding, invalid UTF-8,
// control characters), STATE_UNKNOWN where there is no state. Unknown parameters are ignored, as
// RFC 6749 section 4.1.2 says.
absl::StatusOr<AuthorizationResponse> ParseFormPost(std::string_view body);

// Parses the whole URL that the browser was sent to. Parameters in both query and fragment are
// refused as CALLBACK_MALFORMED; otherwise as ParseFormPost.
absl::StatusOr<AuthorizationResponse> ParseRedirectUrl(std::string_view url);

// What the pending request and the provider's metadata promise.
struct ExpectedAuthorizationResponse {
  std::string issuer;
  bool issuer_parameter_required = false;  // authorization_response_iss_parameter_supported
  std::string redirect_uri;
  ResponseType response_type;
  ResponseMode response_mode = ResponseMode::kFormPost;
};

// Every check that needs no signature: mode and redirect URI, `iss` (also on errors, before they
// are believed), error responses, and that exactly what the response type promises is there.
// Errors: RESPONSE_MODE_MISMATCH, REDIRECT_URI_MISMATCH, ISSUER_MISSING, ISSUER_MISMATCH,
// CALLBACK_MALFORMED (error and code together), RESPONSE_PARAMETERS_MISMATCH (metadata
// `parameter`), TOKEN_TYPE_UNSUPPORTED, and PROVIDER_DENIED for an authentic no, with the
// provider's `error` in the metadata where it is one of the registered words (`other` otherwise).
absl::Status CheckAuthorizationResponse(const AuthorizationResponse& response,
                                        const ExpectedAuthorizationResponse& expected);

}  // namespace tokenbroker::oauth
