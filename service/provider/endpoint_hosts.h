// Whether a provider's endpoints are still where they were.
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "oauth/provider_metadata.h"

namespace tokenbroker::provider {

// Refuses metadata that moves an endpoint to a host that neither it nor any other endpoint was on
// `before`, that is not the issuer's own, and that is not in `trusted_hosts`: whoever can change a
// discovery document for a moment would otherwise be sent every refresh token and code from then
// on (RFC 9700 section 4.4). An operator who knows of the move adds the host to the configuration.
// Errors: PROVIDER_MISCONFIGURED, with metadata `member`. Pure.
absl::Status CheckEndpointHosts(const oauth::ProviderMetadata& now,
                                const oauth::ProviderMetadata& before,
                                const std::vector<std::string>& trusted_hosts);

}  // namespace tokenbroker::provider
