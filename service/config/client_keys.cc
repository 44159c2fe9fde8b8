#include "config/client_keys.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "config/contradictions.h"
#include "config/message_walk.h"
#include "config/names.h"

namespace tokenbroker::config {
namespace {

constexpr std::array<std::string_view, 10> kSigningAlgorithms = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

}  // namespace

absl::StatusOr<jose::PrivateKey> ReadClientKey(const v1::ClientKey& key, const Secrets& secrets) {
  const auto algorithm = jose::ParseAlgorithm(key.algorithm());
  if (!algorithm) return absl::InvalidArgumentError("there is no such algorithm");
  return jose::PrivateKey::FromPem(secrets.Get(key.private_key()), *algorithm, key.key_id());
}

std::optional<std::string> SigningAlgorithmFault(const std::string& name) {
  if (std::ranges::find(kSigningAlgorithms, name) != kSigningAlgorithms.end()) return std::nullopt;
  if (name == "none" || name.starts_with("HS")) {
    return "is not safe here: anybody could sign; use RS256 or ES256";
  }
  return NoSuch("signing algorithm", name, kSigningAlgorithms);
}

void CheckClientKeys(const v1::Config& config, Faults& faults) {
  v1::Config copy = config;
  ForEachMessage<v1::ClientKey>(copy, [&](const v1::ClientKey& key, const std::string& path) {
    if (key.algorithm().empty()) return;
    if (const auto fault = SigningAlgorithmFault(key.algorithm())) {
      faults.Add(path + ".algorithm", *fault);
    }
  });
}

}  // namespace tokenbroker::config
