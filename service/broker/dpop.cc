#include "broker/dpop.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::broker {

absl::StatusOr<oauth::DpopKey> MakeDpopKey(const Client& client) {
  if (!client.dpop_algorithm) return oauth::DpopKey();
  ASSIGN_OR_RETURN(auto key, jose::PrivateKey::Generate(*client.dpop_algorithm, ""));
  return std::make_shared<const jose::PrivateKey>(std::move(key));
}

absl::Status CheckDpopSupport(const Client& client, const oauth::ProviderMetadata& metadata) {
  const auto& supported = metadata.dpop_signing_alg_values_supported;
  if (!client.dpop_algorithm || supported.empty() ||
      std::ranges::find(supported, jose::AlgorithmName(*client.dpop_algorithm)) !=
          supported.end()) {
    return absl::OkStatus();
  }
  return Error(Reason::kProviderMisconfigured, {{"provider", client.provider->name()},
                                                {"member", "dpop_signing_alg_values_supported"}});
}

absl::StatusOr<std::optional<grants::StoredKey>> Store(const oauth::DpopKey& key) {
  if (!key) return std::optional<grants::StoredKey>();
  ASSIGN_OR_RETURN(Secret pem, key->ToPem());
  return std::optional(grants::StoredKey{
      .algorithm = std::string(jose::AlgorithmName(key->algorithm())), .pem = std::move(pem)});
}

absl::StatusOr<oauth::DpopKey> Load(const std::optional<grants::StoredKey>& stored) {
  if (!stored) return oauth::DpopKey();
  const auto algorithm = jose::ParseAlgorithm(stored->algorithm);
  if (!algorithm) return Error(Reason::kRecordUnreadable, {{"check", "dpop_key"}});
  auto key = jose::PrivateKey::FromPem(stored->pem, *algorithm, "");
  if (!key.ok()) return Error(Reason::kRecordUnreadable, {{"check", "dpop_key"}});
  return std::make_shared<const jose::PrivateKey>(*std::move(key));
}

}  // namespace tokenbroker::broker
