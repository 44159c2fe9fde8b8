// The provider's metadata (OpenID Connect Discovery 1.0 section 3, RFC 8414).
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace tokenbroker::oauth {

// Endpoints that ask for a client certificate (RFC 8705 section 5). What is absent is at the
// metadata's own place.
struct MtlsEndpointAliases {
  std::optional<std::string> token_endpoint;
  std::optional<std::string> userinfo_endpoint;
  std::optional<std::string> revocation_endpoint;
  std::optional<std::string> introspection_endpoint;
  std::optional<std::string> pushed_authorization_request_endpoint;
};

struct ProviderMetadata {
  std::string issuer;
  std::string authorization_endpoint;
  std::string token_endpoint;
  std::string jwks_uri;
  std::optional<std::string> userinfo_endpoint;
  std::optional<std::string> revocation_endpoint;
  std::optional<std::string> introspection_endpoint;
  std::optional<std::string> end_session_endpoint;
  std::optional<std::string> pushed_authorization_request_endpoint;
  MtlsEndpointAliases mtls_endpoint_aliases;
  bool authorization_response_iss_parameter_supported = false;
  bool require_pushed_authorization_requests = false;       // RFC 9126 section 5
  bool require_signed_request_object = false;               // RFC 9101 section 10.5
  bool tls_client_certificate_bound_access_tokens = false;  // RFC 8705 section 3.3
  // `client_secret_basic` where a document does not say (Discovery section 3); empty, where there
  // is no document, stands for every method.
  std::vector<std::string> token_endpoint_auth_methods_supported;
  // Empty where the document does not say.
  std::vector<std::string> response_types_supported;
  std::vector<std::string> response_modes_supported;
  std::vector<std::string> token_endpoint_auth_signing_alg_values_supported;
  std::vector<std::string> id_token_signing_alg_values_supported;
  std::vector<std::string> dpop_signing_alg_values_supported;  // RFC 9449 section 5.1
  std::vector<std::string> request_object_signing_alg_values_supported;
};

enum class HttpScheme { kHttpsOnly, kHttpOnLoopbackToo };

// Where an issuer's document is: `/.well-known/openid-configuration` after the issuer's path.
std::string DiscoveryUrl(std::string_view issuer);

// Reads a discovery document. `issuer` must equal the document's byte for byte.
// Errors, all PROVIDER_MISCONFIGURED with metadata `member`: not JSON, a required member missing or
// of the wrong type, another issuer, an endpoint that is not an absolute https URL (or has userinfo
// or a fragment).
absl::StatusOr<ProviderMetadata> ParseProviderMetadata(std::string_view json,
                                                       std::string_view issuer, HttpScheme scheme);

}  // namespace tokenbroker::oauth
