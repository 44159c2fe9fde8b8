#include "provider/signing_algorithms.h"

#include <string>

#include "base/error.h"

namespace tokenbroker::provider {

absl::StatusOr<std::vector<jose::Algorithm>> SigningAlgorithms(
    const std::vector<jose::Algorithm>& configured, const oauth::ProviderMetadata& metadata) {
  std::vector<jose::Algorithm> algorithms = configured;
  const auto& published = metadata.id_token_signing_alg_values_supported;
  if (configured.empty()) {
    for (const std::string& name : published) {
      if (const auto algorithm = jose::ParseAlgorithm(name)) algorithms.push_back(*algorithm);
    }
    if (published.empty()) algorithms.push_back(jose::Algorithm::kRS256);
  }
  std::erase_if(algorithms, jose::IsHmac);
  if (algorithms.empty()) {
    return Error(Reason::kProviderMisconfigured,
                 {{"member", "id_token_signing_alg_values_supported"}});
  }
  return algorithms;
}

}  // namespace tokenbroker::provider
