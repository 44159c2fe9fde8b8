// Which of a client's authentications a provider takes.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "oauth/client_authentication.h"
#include "oauth/provider_metadata.h"
#include "provider/provider.h"

namespace tokenbroker::provider {

// Those of `registration`, in its order, whose method `token_endpoint_auth_methods_supported` names
// and whose algorithm `token_endpoint_auth_signing_alg_values_supported` names; an empty list takes
// all. A public client's `none` is always taken: few providers list it. What holds for the token
// endpoint holds for the others too. The pointers live as long as `registration`; there is at least
// one.
//
// Errors: PROVIDER_MISCONFIGURED where none is left, with what is configured (metadata `method`,
// `algorithm`) and what the provider offers (`member`, `supported`).
absl::StatusOr<std::vector<const oauth::ClientAuthentication*>> UsableAuthentications(
    const Registration& registration, const oauth::ProviderMetadata& metadata);

}  // namespace tokenbroker::provider
