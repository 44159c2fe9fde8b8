// The signature algorithms of JOSE, by the names of the IANA registry (RFC 7518, 8037, 9864).
#pragma once

#include <optional>
#include <string_view>

namespace tokenbroker::jose {

enum class Algorithm {
  kRS256,
  kRS384,
  kRS512,
  kPS256,
  kPS384,
  kPS512,
  kES256,
  kES384,
  kES512,
  kEdDSA,  // `EdDSA` (RFC 8037) and the fully specified `Ed25519` and `Ed448` (RFC 9864)
  kHS256,
  kHS384,
  kHS512,
};

// `kty` of a key that verifies signatures. There is none for `oct`: a shared secret never comes
// from a key set.
enum class KeyType { kRsa, kEc, kOkp };

// `crv` (RFC 7518 section 6.2.1.1, RFC 8037 section 2).
enum class Curve { kP256, kP384, kP521, kEd25519, kEd448 };

// The hash inside an algorithm, which `c_hash`, `at_hash` and `s_hash` use too.
enum class HashFunction { kSha256, kSha384, kSha512, kShake256 };

// An `alg` value read to the end: which algorithm, and which curve where the name settles it.
struct AlgorithmIdentifier {
  Algorithm algorithm;
  std::optional<Curve> curve;  // none for RSA, HMAC and plain `EdDSA`

  friend bool operator==(const AlgorithmIdentifier&, const AlgorithmIdentifier&) = default;
};

// Exact, case-sensitive. Nothing for `none`, for encryption algorithms and for any other name.
std::optional<AlgorithmIdentifier> ParseAlgorithmIdentifier(std::string_view name);

// The same without the curve, for configuration and metadata.
std::optional<Algorithm> ParseAlgorithm(std::string_view name);

// The registered name; `EdDSA` for kEdDSA.
std::string_view AlgorithmName(Algorithm algorithm);

// HS256, HS384, HS512: verified and signed with a shared secret.
bool IsHmac(Algorithm algorithm);

// The type of key that `algorithm` needs; nothing for HMAC.
std::optional<KeyType> KeyTypeOf(Algorithm algorithm);

// The hash of `algorithm` with a key on `curve`: the number in the name, SHA-512 for Ed25519,
// SHAKE256 for Ed448. Nothing for kEdDSA where the curve is not one of these two: callers then
// fail.
std::optional<HashFunction> HashFunctionOf(Algorithm algorithm, std::optional<Curve> curve);

}  // namespace tokenbroker::jose
