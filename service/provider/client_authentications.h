// Which of a client's authentications a provider's token endpoint takes.
#pragma once

#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "oauth/provider_metadata.h"
#include "oauth/token_request.h"
#include "provider/provider.h"

namespace tokenbroker::provider {

// The name of the method in OIDC Core section 9.
std::string_view MethodName(const oauth::ClientAuthentication& authentication);

// Those of `registration`, in its order, that `token_endpoint_auth_methods_supported` names; all of
// them where the metadata does not say. A public client's `none` is always taken: few providers
// list it. The pointers live as long as `registration`; there is at least one.
//
// Errors: PROVIDER_MISCONFIGURED with metadata `method` where none is left.
absl::StatusOr<std::vector<const oauth::ClientAuthentication*>> UsableAuthentications(
    const Registration& registration, const oauth::ProviderMetadata& metadata);

}  // namespace tokenbroker::provider
