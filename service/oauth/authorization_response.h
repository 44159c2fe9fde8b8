// The authorization response: what the browser brought back (OIDC Core 3.3.2.5, RFC 6749 4.1.2,
// OAuth 2.0 Form Post Response Mode, RFC 9207).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

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
  // The fields of the URL's query that are no response parameters, as written: the redirect URI's
  // own query is among them.
  std::vector<std::string> other_query_fields;
  Secret state;
  std::optional<Secret> code;
  std::optional<Secret> id_token;
  std::optional<Secret> access_token;
  std::optional<std::string> token_type;
  std::optional<std::string> expires_in;  // as sent; ReadExpiresIn makes sense of it
  std::optional<std::string> issuer;      // the `iss` parameter
  std::optional<std::string> error;
  // A JARM response that is still to be opened (oauth/jwt_response.h). Then `state` is what it
  // says, unverified, and nothing else of it has been read.
  std::optional<Secret> response;
};

// Whether the provider may set a parameter of this name in an authorization response that the
// broker reads or knows: `code`, `state`, `error_description`, `session_state`, ….
bool IsAuthorizationResponseParameter(std::string_view name);

// Whether `error` is one of the registered words for the authorization endpoint (RFC 6749 section
// 4.1.2.1 and those that extend it).
bool IsAuthorizationError(std::string_view error);

// Parses the raw `application/x-www-form-urlencoded` body of a form_post.
// Errors: CALLBACK_TOO_LARGE (over 1 MiB, or over 100 parameters), DUPLICATE_PARAMETER (metadata
// `parameter`; only for known names), CALLBACK_MALFORMED (nothing in it, bad percent-encoding,
// invalid UTF-8, control characters), STATE_UNKNOWN where there is no state, JWT_MALFORMED for a
// JARM `response` that is no JWT, RESPONSE_PARAMETERS_MISMATCH for one with other parameters of a
// response beside it, whatever they say. Unknown parameters are ignored, as RFC 6749 section 4.1.2
// says; one without a value is as if it were not there (3.1).
absl::StatusOr<AuthorizationResponse> ParseFormPost(std::string_view body);

// Parses the whole URL that the browser was sent to. Response parameters in both query and fragment
// are refused as CALLBACK_MALFORMED, as is what is no absolute URI; otherwise as ParseFormPost.
absl::StatusOr<AuthorizationResponse> ParseRedirectUrl(std::string_view url);

// What the pending request and the provider's metadata promise.
struct ExpectedAuthorizationResponse {
  std::string issuer;
  // authorization_response_iss_parameter_supported; the `iss` of an ID token that comes along will
  // do.
  bool issuer_parameter_required = false;
  std::string redirect_uri;
  ResponseType response_type;
  ResponseMode response_mode = ResponseMode::kFormPost;
};

// Every check that needs no signature: mode and redirect URI (compared as browsers write it: scheme
// and host in lower case, no default port, never an empty path), `iss` (also on errors, before they
// are believed), error responses, and that exactly what the response type promises is there.
// An error may also come by the response type's own default mode, which is what a provider uses
// that does not know the mode asked for (MRT section 2.1); but never in plain where a JWT was asked
// for. A JARM response must have been opened. Errors: RESPONSE_MODE_MISMATCH,
// REDIRECT_URI_MISMATCH, ISSUER_MISSING, ISSUER_MISMATCH, CALLBACK_MALFORMED (error and code
// together), RESPONSE_PARAMETERS_MISMATCH (metadata `parameter`), TOKEN_TYPE_UNSUPPORTED, and
// PROVIDER_DENIED for an authentic no, with the provider's `error` in the metadata where it is one
// of the registered words (`other` otherwise).
absl::Status CheckAuthorizationResponse(const AuthorizationResponse& response,
                                        const ExpectedAuthorizationResponse& expected);

}  // namespace tokenbroker::oauth
