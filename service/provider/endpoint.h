// Where a client finds the endpoints at which it speaks to its provider as itself.
#pragma once

#include <optional>
#include <string_view>

#include "absl/status/statusor.h"
#include "net/tls.h"
#include "oauth/client_authentication.h"
#include "oauth/provider_metadata.h"

namespace tokenbroker::provider {

enum class Endpoint { kToken, kRevocation, kIntrospection, kUserInfo, kPushedAuthorizationRequest };
inline constexpr int kEndpoints = 5;

// `token`, `revocation` …: as in errors, metrics and the names of shared limits.
std::string_view EndpointName(Endpoint endpoint);

// The URL of `endpoint` for a client with this authentication: with a client certificate the one of
// `mtls_endpoint_aliases`, where there is one (RFC 8705 section 5). It lives as long as `metadata`.
//
// Errors: OPERATION_NOT_SUPPORTED with metadata `operation` where the provider does not have the
// endpoint; PROVIDER_MISCONFIGURED where no certificate could be shown there, as it is not https.
absl::StatusOr<std::string_view> EndpointUrl(const oauth::ProviderMetadata& metadata,
                                             Endpoint endpoint,
                                             const oauth::ClientAuthentication& authentication);

// The certificate to show on connections for a client with this authentication.
std::optional<ClientCertificate> CertificateOf(const oauth::ClientAuthentication& authentication);

}  // namespace tokenbroker::provider
