// Signed authorization requests (RFC 9101, OIDC Core 6).
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "jose/private_key.h"
#include "oauth/authorization_request.h"

namespace tokenbroker::oauth {

// How long a request object lives at most: what FAPI 2.0 Message Signing section 5.3.1 lets a
// provider take.
inline constexpr absl::Duration kMaxRequestObjectLifetime = absl::Minutes(60);

struct RequestObjectClaims {
  std::string client_id;  // `iss`
  std::string issuer;     // `aud`
  std::string id;         // `jti`, never used twice
  absl::Time issued_at;   // `iat` and `nbf`
  absl::Time expires_at;
};

// The parameters as a JWT of type `oauth-authz-req+jwt`. Each is a member of its name; `max_age` is
// a number, several `resource` are an array, `claims` and `authorization_details` are the JSON that
// their values are.
// Errors: INVALID_REQUEST with field `extra_parameters` where these two are no JSON; INTERNAL where
// OpenSSL fails.
absl::StatusOr<std::string> SignRequestObject(const Parameters& parameters,
                                              const RequestObjectClaims& claims,
                                              const jose::PrivateKey& key);

// What goes to the authorization endpoint with a request object: `client_id` and `request`, and
// what OIDC Core 6.1 wants to see beside them, `response_type` and `scope`, as they are in it.
Parameters WithRequestObject(const Parameters& parameters, std::string request_object);

}  // namespace tokenbroker::oauth
