// The token request: a grant and a client authentication, composed, never multiplied
// (RFC 6749 sections 2.3.1, 4.1.3, 4.4.2, 6).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "oauth/authorization_request.h"
#include "oauth/scopes.h"

namespace tokenbroker::oauth {

struct AuthorizationCode {
  Secret code;
  std::string redirect_uri;  // byte for byte as in the authorization request
  Secret code_verifier;
  std::vector<std::string> resources = {};  // RFC 8707: which of those asked for; none: all
};
struct RefreshToken {
  Secret refresh_token;
  Scopes scopes;  // a subset of what was granted; empty: not sent
  std::optional<std::string> audience;
  std::vector<std::string> resources;
};
struct ClientCredentials {
  Scopes scopes;
  std::optional<std::string> audience;
  std::vector<std::string> resources;
};
using AuthorizationGrant = std::variant<AuthorizationCode, RefreshToken, ClientCredentials>;

struct ClientSecretBasic {
  Secret secret;
};
struct ClientSecretPost {
  Secret secret;
};
struct NoAuthentication {};  // a public client: PKCE alone
using ClientAuthentication = std::variant<ClientSecretBasic, ClientSecretPost, NoAuthentication>;

// What goes into the HTTP request: headers besides the content type (`Accept`, and `Authorization`
// for ClientSecretBasic), and the form body.
struct EncodedRequest {
  std::vector<std::pair<std::string, Secret>> headers;
  Secret body;
};

// Form-encodes the grant with the client's authentication. Basic credentials are form-encoded
// before base64, with `A-Z a-z 0-9 - . _` left as they are (RFC 6749 section 2.3.1 and appendix B).
EncodedRequest EncodeTokenRequest(const AuthorizationGrant& grant, std::string_view client_id,
                                  const ClientAuthentication& authentication);

// RFC 9126 section 2.1: an authorization request by POST. `client_id` is in the body whatever the
// authentication, once.
EncodedRequest EncodePushedAuthorizationRequest(const Parameters& parameters,
                                                std::string_view client_id,
                                                const ClientAuthentication& authentication);

// RFC 7009 section 2.1. `token_type_hint` is `refresh_token` or `access_token`.
EncodedRequest EncodeRevocationRequest(const Secret& token, std::string_view token_type_hint,
                                       std::string_view client_id,
                                       const ClientAuthentication& authentication);

}  // namespace tokenbroker::oauth
