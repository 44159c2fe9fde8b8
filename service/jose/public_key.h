// Public keys from the numbers of a JWK, and back (RFC 7518 section 6, RFC 8037 section 2).
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "jose/algorithm.h"

namespace tokenbroker::jose {

// A public key with what it can be used for. `key` is never null. Thread-safe.
struct PublicKey {
  KeyType type;
  std::optional<Curve> curve;  // none for RSA
  std::shared_ptr<EVP_PKEY> key;
};

// Bytes of one coordinate of a point, or of a whole Edwards public key (RFC 7518 section 6.2.1.2).
std::size_t CoordinateSize(Curve curve);

// `crv` as JWKs write it.
std::string_view CurveName(Curve curve);
std::optional<Curve> ParseCurve(std::string_view name);

// Reads `kty` and its parameters, and nothing else of the object.
//
// Refused: RSA moduli under 2048 and over 16384 bits, even moduli, moduli with the ROCA weakness
// (see roca.h), exponents that are even, 1 or longer than 64 bits, points off the curve,
// coordinates of another length than the curve's, Edwards points of small order, and every kty and
// crv not in KeyType and Curve. A leading zero octet in `n` is taken: many providers write one, and
// it changes nothing.
//
// Errors: INVALID_ARGUMENT with a message that names the fault. Pure and thread-safe.
absl::StatusOr<PublicKey> ParsePublicKey(const Json& jwk);

// What `key` is, if it is a key of a type and size that ParsePublicKey would take; the key itself
// may hold the private half too. Nothing otherwise.
std::optional<PublicKey> Classify(std::shared_ptr<EVP_PKEY> key);

// The required members alone, as RFC 7638 wants them for a thumbprint.
Json PublicJwk(const PublicKey& key);

// RFC 7638 with SHA-256, base64url: what DPoP calls `jkt`.
std::string Thumbprint(const PublicKey& key);

}  // namespace tokenbroker::jose
