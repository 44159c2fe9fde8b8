#include "provider/token_protection.h"

#include <algorithm>

#include "base/error.h"

namespace tokenbroker::provider {

absl::StatusOr<Secret> Decrypt(Secret token, const TokenProtection& protection) {
  if (protection.decryption_keys.empty()) return token;
  return jose::DecryptJwe(token.Reveal(), protection.decryption_keys, protection.encryption);
}

absl::Status CheckProfile(const jose::Jwt& jwt, const TokenProtection& protection) {
  const auto& algorithms = protection.profile_algorithms;
  if (algorithms.empty()) return absl::OkStatus();
  const bool fits = std::ranges::find(algorithms, jwt.algorithm) != algorithms.end() &&
                    jwt.curve != jose::Curve::kEd448;
  return fits ? absl::OkStatus() : Error(Reason::kAlgorithmNotAllowed);
}

absl::StatusOr<jose::Jwt> VerifyWithSharedSecrets(const Secret& token,
                                                  const std::vector<Secret>& secrets,
                                                  const jose::JwsPolicy& policy) {
  absl::StatusOr<jose::Jwt> verified = Error(Reason::kKeyNotFound);
  for (const Secret& secret : secrets) {
    verified = jose::VerifyHmacJws(token.Reveal(), secret, policy);
    if (!HasReason(verified.status(), Reason::kSignatureInvalid)) break;
  }
  return verified;
}

}  // namespace tokenbroker::provider
