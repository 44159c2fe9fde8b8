// The authorization request: what leaves by the browser (OIDC Core 3.1.2.1, 3.3.2.1).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"
#include "oauth/response_type.h"
#include "oauth/scopes.h"

namespace tokenbroker::oauth {

// PKCE (RFC 7636): the verifier stays here, the challenge goes out. Always S256.
std::string CodeChallengeS256(std::string_view code_verifier);

// Every value as it is to arrive; encoding is done by what sends it. Absent means not sent.
struct AuthorizationRequest {
  std::string client_id;
  std::string redirect_uri;
  ResponseType response_type;
  ResponseMode response_mode = ResponseMode::kFormPost;
  Scopes scopes;
  Secret state;
  Secret nonce;
  std::string code_challenge;
  std::optional<std::string> dpop_jkt;      // RFC 9449 section 10: binds the code to a key
  std::optional<std::string> audience;      // Auth0
  std::vector<std::string> resources;       // RFC 8707, repeated
  std::optional<std::string> organization;  // Auth0
  std::optional<std::string> invitation;    // Auth0
  std::optional<std::string> login_hint;
  std::optional<std::string> prompt;
  std::optional<absl::Duration> max_age;  // sent as whole seconds; zero is not absent
  std::vector<std::string> acr_values;
  std::vector<std::string> ui_locales;
  std::optional<std::string> id_token_hint;
  std::map<std::string, std::string> extra_parameters;
};

// Whether the broker itself sets (or forbids) a parameter of this name, so that neither a caller
// nor the configuration may pass it as an extra one: `state`, `request`, `code_challenge`, …. Case
// does not matter here, since it does not to some servers.
bool IsReservedParameter(std::string_view name);

// Checks a redirect URI's form: absolute, https (or http on localhost, 127.0.0.1 and [::1], or a
// private-use scheme with a dot), no fragment, no userinfo, no white space or control character, no
// response parameter in its query (RFC 6749 section 3.1.2, RFC 8252 section 7).
// Errors: INVALID_REQUEST with field `redirect_uri`.
absl::Status CheckRedirectUri(std::string_view uri);

// One parameter of a request, by its name on the wire, with its value before any encoding.
struct Parameter {
  std::string name;
  std::string value;

  friend bool operator==(const Parameter&, const Parameter&) = default;
};
using Parameters = std::vector<Parameter>;

// What the request says, in the one order that is always used; `resource` may be there repeatedly.
// Errors: PARAMETER_RESERVED (metadata `parameter`) for a reserved name in extra_parameters;
// INVALID_REQUEST with the field for a name there that RFC 6749 section 8.2 does not allow, a
// resource that is no absolute URI, a negative or endless max_age, and an empty value or one with a
// space among acr_values or ui_locales; RESPONSE_MODE_NOT_ALLOWED where MayCarry says no.
absl::StatusOr<Parameters> AuthorizationParameters(const AuthorizationRequest& request);

// The URL to send the browser to. Parameters that the endpoint's own query has are kept; a name
// that stands there and is set here too appears once, with the value from here. Percent-encoding is
// RFC 3986's unreserved set, a space is %20.
// Errors: PROVIDER_MISCONFIGURED where `authorization_endpoint` is no absolute http(s) URL.
absl::StatusOr<std::string> BuildAuthorizationUrl(std::string_view authorization_endpoint,
                                                  const Parameters& parameters);

}  // namespace tokenbroker::oauth
