#include "config/client_keys.h"

#include <algorithm>
#include <array>
#include <string_view>

#include "absl/strings/str_cat.h"
#include "config/contradictions.h"
#include "config/message_walk.h"
#include "config/names.h"

namespace tokenbroker::config {
namespace {

constexpr std::array<std::string_view, 10> kSigningAlgorithms = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

// How to make a key for `algorithm`.
std::string_view KeyCommand(jose::Algorithm algorithm) {
  switch (algorithm) {
    case jose::Algorithm::kES256:
      return "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256";
    case jose::Algorithm::kES384:
      return "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-384";
    case jose::Algorithm::kES512:
      return "openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-521";
    case jose::Algorithm::kEdDSA:
      return "openssl genpkey -algorithm ED25519";
    default:
      return "openssl genpkey -algorithm RSA -pkeyopt rsa_keygen_bits:3072";
  }
}

}  // namespace

absl::StatusOr<jose::PrivateKey> ReadClientKey(const v1::ClientKey& key, const Secrets& secrets) {
  const auto algorithm = jose::ParseAlgorithm(key.algorithm());
  if (!algorithm) return absl::InvalidArgumentError("there is no such algorithm");
  auto made = jose::PrivateKey::FromPem(secrets.Get(key.private_key()), *algorithm, key.key_id());
  if (made.ok()) return made;
  const std::string_view command = KeyCommand(*algorithm);
  return absl::InvalidArgumentError(
      absl::StrCat(FaultText(made.status()), "; a key for ", key.algorithm(),
                   " is made with: ", absl::string_view(command.data(), command.size())));
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
    if (key.algorithm().starts_with("HS")) {
      faults.Add(path + ".algorithm",
                 "is for a secret, and a private key is none; use one such as ES256");
    } else if (const auto fault = SigningAlgorithmFault(key.algorithm())) {
      faults.Add(path + ".algorithm", *fault);
    }
  });
}

}  // namespace tokenbroker::config
