// Encrypted tokens in compact serialisation (RFC 7516), for clients that are registered to get
// them.
//
//   ASSIGN_OR_RETURN(const Secret inner, jose::DecryptJwe(id_token, client.decryption_keys,
//   policy)); ASSIGN_OR_RETURN(const jose::Jwt jwt, jose::VerifyJws(inner.Reveal(), keys,
//   jws_policy));
//
// Decrypting proves nothing of who wrote the token: the public key is public. What comes out is to
// be verified as a JWS.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "base/secret.h"
#include "jose/jwe_algorithm.h"
#include "jose/public_key.h"

namespace tokenbroker::jose {

// A private key that decrypts, with the one algorithm it is registered for. Cheap to copy;
// immutable, so thread-safe.
class DecryptionKey {
 public:
  // Reads a PEM private key, PKCS #8 or the older forms, not encrypted.
  //
  //   algorithm  RSA-OAEP(-256) for RSA of 2048 to 16384 bits, ECDH-ES(+A*KW) for the NIST curves
  //   key_id     `kid` in the published key; may be empty, then any token's `kid` will do
  //
  // Errors: INVALID_REQUEST, with a message that says whether the PEM or the type is at fault.
  static absl::StatusOr<DecryptionKey> FromPem(const Secret& pem, KeyManagement algorithm,
                                               std::string key_id);

  KeyManagement algorithm() const { return algorithm_; }
  const std::string& key_id() const { return key_id_; }
  const PublicKey& key() const { return key_; }

  // The public half: `kty` and its parameters, `kid` where there is one, `alg`, `use` "enc".
  Json PublicJwk() const;

 private:
  DecryptionKey(PublicKey key, KeyManagement algorithm, std::string key_id);

  PublicKey key_;
  KeyManagement algorithm_;
  std::string key_id_;
};

// What one who decrypts expects. Nothing here is ever taken from the token.
struct JwePolicy {
  // `enc` values that are taken; with none, no token decrypts.
  std::vector<ContentEncryption> content_encryptions;
};

// Decrypts a five-part token. Keys are chosen by `kid` and `alg`; at most 16 are tried.
//
// Errors: JWT_MALFORMED (not five base64url parts, longer than kMaxCompactBytes, a header that is
// no JSON object or whose parameters have the wrong type, an `epk` that is no public key);
// ALGORITHM_NOT_ALLOWED (an `alg` or `enc` that is not taken, and `zip`: compressed content can be
// a thousand times larger than it looks); CRITICAL_HEADER_UNKNOWN; KEY_NOT_FOUND;
// DECRYPTION_FAILED, the same whatever went wrong from there on. Pure and thread-safe.
absl::StatusOr<Secret> DecryptJwe(std::string_view compact, std::span<const DecryptionKey> keys,
                                  const JwePolicy& policy);

}  // namespace tokenbroker::jose
