// The token request: a grant and a client authentication, composed, never multiplied
// (RFC 6749 sections 4.1.3, 4.4.2, 6).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/secret.h"
#include "oauth/authorization_request.h"
#include "oauth/client_authentication.h"
#include "oauth/form.h"
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
// RFC 8693 section 2.1. What is empty is not sent.
struct TokenExchange {
  Secret subject_token;
  std::string subject_token_type;
  Secret actor_token;
  std::string actor_token_type;
  std::string requested_token_type;
  Scopes scopes;
  std::optional<std::string> audience;
  std::vector<std::string> resources;
};
using AuthorizationGrant =
    std::variant<AuthorizationCode, RefreshToken, ClientCredentials, TokenExchange>;

// The form of a token request, without the client's authentication (see Authenticate).
FormWriter TokenRequestForm(const AuthorizationGrant& grant);

// The same of an authorization request by POST (RFC 9126 section 2.1), such that with
// `authentication` the `client_id` is in the body once.
FormWriter PushedAuthorizationForm(const Parameters& parameters, std::string_view client_id,
                                   const ClientAuthentication& authentication);

// The same of an introspection request for an access token (RFC 7662 section 2.1).
FormWriter IntrospectionRequestForm(const Secret& access_token);

// The same of a revocation request (RFC 7009 section 2.1). `token_type_hint` is `refresh_token` or
// `access_token`.
FormWriter RevocationRequestForm(const Secret& token, std::string_view token_type_hint);

}  // namespace tokenbroker::oauth
