// How the tokens that a provider makes for one client are protected.
#pragma once

#include <optional>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "jose/jwe.h"
#include "jose/jws.h"

namespace tokenbroker::provider {

// As registered, never as a token wishes. Immutable; outlives every request that uses it.
struct TokenProtection {
  // The one algorithm of their signatures. None: any that the provider's tokens may have.
  std::optional<jose::Algorithm> algorithm;
  // What a profile leaves of the algorithms that there are; EdDSA is Ed25519 then. Empty: all.
  std::vector<jose::Algorithm> profile_algorithms;
  // For HS*: the client's secrets, any of which verifies.
  std::vector<Secret> shared_secrets;
  // Empty: they are not encrypted.
  std::vector<jose::DecryptionKey> decryption_keys;
  jose::JwePolicy encryption;
};

// The signed token inside `token`: what was encrypted, or the token itself where tokens are not
// encrypted.
// Errors: those of jose::DecryptJwe, so JWT_MALFORMED for a token that is not encrypted and should
// be. One that is encrypted and should not be is JWT_MALFORMED when its signature is looked for.
// Pure and thread-safe.
absl::StatusOr<Secret> Decrypt(Secret token, const TokenProtection& protection);

// Whether a token that has been verified is signed as the profile has it.
// Errors: ALGORITHM_NOT_ALLOWED. Pure and thread-safe.
absl::Status CheckProfile(const jose::Jwt& jwt, const TokenProtection& protection);

// Verifies a signature by a shared secret.
// Errors: those of jose::VerifyHmacJws. Pure and thread-safe.
absl::StatusOr<jose::Jwt> VerifyWithSharedSecrets(const Secret& token,
                                                  const std::vector<Secret>& secrets,
                                                  const jose::JwsPolicy& policy);

}  // namespace tokenbroker::provider
