// Which signature algorithms a provider's ID tokens may have.
#pragma once

#include <vector>

#include "absl/status/statusor.h"
#include "jose/algorithm.h"
#include "oauth/provider_metadata.h"

namespace tokenbroker::provider {

// Those of `configured`; where it is empty, those of the metadata; where that does not say, RS256
// (OIDC Core 3.1.3.7-7). Never `none`, never one with a shared secret, and never one because a
// token asks for it.
// Errors: PROVIDER_MISCONFIGURED where that leaves none. Pure.
absl::StatusOr<std::vector<jose::Algorithm>> SigningAlgorithms(
    const std::vector<jose::Algorithm>& configured, const oauth::ProviderMetadata& metadata);

}  // namespace tokenbroker::provider
