// A key that signs, with the algorithm and the name it signs under.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "base/secret.h"
#include "jose/algorithm.h"
#include "jose/public_key.h"

namespace tokenbroker::jose {

// Cheap to copy (the copies share one key); immutable, so thread-safe. Never prints the private
// half; OpenSSL wipes it when the last copy dies.
class PrivateKey {
 public:
  // Reads a PEM private key, PKCS #8 or the older forms, not encrypted.
  //
  //   algorithm  not HMAC; the key must be of its type: RSA of 2048 to 16384 bits, the curve
  //              of ES*, Ed25519 or Ed448
  //   key_id     `kid` of what it signs; may be empty, then none is written
  //
  // Errors: INVALID_REQUEST, with a message that says whether the PEM or the type is at fault.
  static absl::StatusOr<PrivateKey> FromPem(const Secret& pem, Algorithm algorithm,
                                            std::string key_id);

  // A new random key: RSA of 2048 bits, the curve of ES*, Ed25519 for EdDSA.
  // Errors: INVALID_REQUEST for HMAC; INTERNAL where OpenSSL fails.
  static absl::StatusOr<PrivateKey> Generate(Algorithm algorithm, std::string key_id);

  Algorithm algorithm() const { return algorithm_; }
  const std::string& key_id() const { return key_id_; }
  // The key, with which only signature.h's MakeSignature can do more than verify.
  const PublicKey& key() const { return key_; }

  // The public half: `kty` and its parameters, `kid` where there is one, `alg`, `use`.
  Json PublicJwk() const;

  // That of the public half (RFC 7638).
  std::string Thumbprint() const;

  // PKCS #8 PEM of the private half, to be sealed. Errors: INTERNAL where OpenSSL fails.
  absl::StatusOr<Secret> ToPem() const;

 private:
  PrivateKey(PublicKey key, Algorithm algorithm, std::string key_id);

  PublicKey key_;
  Algorithm algorithm_;
  std::string key_id_;
};

}  // namespace tokenbroker::jose
