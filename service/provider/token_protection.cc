#include "provider/token_protection.h"

#include "base/error.h"

namespace tokenbroker::provider {

absl::StatusOr<Secret> Decrypt(Secret token, const TokenProtection& protection) {
  if (protection.decryption_keys.empty()) return token;
  return jose::DecryptJwe(token.Reveal(), protection.decryption_keys, protection.encryption);
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
