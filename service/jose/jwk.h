// The public keys that an issuer publishes (RFC 7517), read as a verifier of signatures reads them.
//
//   ASSIGN_OR_RETURN(const jose::JwkSet keys, jose::JwkSet::Parse(response.body));
//   ASSIGN_OR_RETURN(const jose::Jwt jwt, jose::VerifyJws(id_token, keys, policy));
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "jose/algorithm.h"
#include "jose/public_key.h"

namespace tokenbroker::jose {

// One public key that may verify signatures. Cheap to copy; immutable, so thread-safe.
class Jwk {
 public:
  // Reads one key and takes it only if it is fit to verify signatures here.
  //
  // Refused, besides what ParsePublicKey refuses: `use` other than `sig`; `key_ops` without
  // `verify` or with a value twice; an `alg` that is no signature algorithm of a public key, or not
  // of this kty and crv; a `kid` that is no string; members of a private key, since a key whose
  // private half is published proves nothing; `oct`; an `x5c` whose first certificate holds another
  // key, and an `x5t` or `x5t#S256` that is not that certificate's.
  //
  // Errors: PROVIDER_RESPONSE_INVALID, with a message that names the fault. Pure and thread-safe.
  static absl::StatusOr<Jwk> Parse(const Json& jwk);

  const std::optional<std::string>& key_id() const { return key_id_; }
  // The only algorithm that the key may be used with; any that fits its type where absent.
  const std::optional<AlgorithmIdentifier>& algorithm() const { return algorithm_; }
  const PublicKey& public_key() const { return public_key_; }

  // Whether a signature by `wanted` may be checked with this key: type, curve and `alg` agree.
  bool Fits(const AlgorithmIdentifier& wanted) const;

 private:
  Jwk() = default;

  std::optional<std::string> key_id_;
  std::optional<AlgorithmIdentifier> algorithm_;
  PublicKey public_key_;
};

// A key of a set that is not used, for operators who wonder why.
struct SkippedJwk {
  std::size_t index;  // in the set's `keys`, from 0
  std::string fault;  // constant text, nothing of the key
};

// A JWK set (RFC 7517 section 5). Cheap enough to copy; immutable, so thread-safe.
class JwkSet {
 public:
  static constexpr std::size_t kMaxKeys = 1000;
  static constexpr std::size_t kMaxBytes = std::size_t{4} << 20;
  // How many keys are tried for a token without `kid`.
  static constexpr std::size_t kMaxTried = 16;

  // The empty set: no token verifies.
  JwkSet() = default;

  // Keys that Jwk::Parse refuses are skipped: an issuer may publish keys for other uses, and one
  // bad key does not spoil the others. The set may turn out empty.
  //
  // Errors: PROVIDER_RESPONSE_INVALID where the text is not a JSON object, longer than kMaxBytes,
  // `keys` is missing or not an array of objects, or has more than kMaxKeys. Pure and thread-safe.
  static absl::StatusOr<JwkSet> Parse(std::string_view json);

  std::span<const Jwk> keys() const { return keys_; }
  std::span<const SkippedJwk> skipped() const { return skipped_; }

  // The keys to try for a token with this `alg` and `kid`, at least one, at most kMaxTried, in the
  // order of the set. The pointers live as long as this object. A token that names a key is checked
  // with keys of exactly that name; several may share it where type, curve or `alg` differ. A token
  // that names none is checked with every key that fits.
  //
  // Errors: KEY_NOT_FOUND where no key fits, and where two that fit have the same name, type, curve
  // and `alg`, since which one is meant cannot be told.
  absl::StatusOr<std::vector<const Jwk*>> FindKeys(const AlgorithmIdentifier& algorithm,
                                                   const std::optional<std::string>& key_id) const;

 private:
  std::vector<Jwk> keys_;
  std::vector<SkippedJwk> skipped_;
};

}  // namespace tokenbroker::jose
