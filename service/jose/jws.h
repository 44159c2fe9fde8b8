// Signed tokens in compact serialisation (RFC 7515, 7519), read with RFC 8725's rules.
//
// One way in for every token that somebody else signed:
//
//   const jose::JwsPolicy policy{.algorithms = {jose::Algorithm::kRS256}};
//   ASSIGN_OR_RETURN(const jose::Jwt jwt, jose::VerifyJws(id_token, keys, policy));
//   ASSIGN_OR_RETURN(const Json claims, jose::ParseClaims(jwt));
//
// What no policy can allow: `none`; HS* with a published key; an algorithm that only the token asks
// for; keys or certificates inside the token (`jwk`, `jku`, `x5u`, `x5c` are not looked at); any
// `crit`; `b64` false; JSON serialisation; base64url that has a second spelling.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "base/secret.h"
#include "jose/algorithm.h"
#include "jose/compact.h"
#include "jose/jwk.h"
#include "jose/private_key.h"

namespace tokenbroker::jose {

enum class AbsentType { kAccepted, kRefused };

// What a verifier expects. Nothing here is ever taken from the token.
struct JwsPolicy {
  // Exactly these; with none, no token verifies.
  std::vector<Algorithm> algorithms;
  // `typ` values that are taken, in lower case and without `application/` (RFC 7515 section 4.1.9,
  // RFC 8725 section 3.11), say {"logout+jwt"}.
  std::vector<std::string> accepted_types = {"jwt"};
  AbsentType absent_type = AbsentType::kAccepted;
};

// A header that nothing vouches for yet: only good for deciding whether to fetch keys again.
struct UnverifiedHeader {
  AlgorithmIdentifier algorithm;
  std::optional<std::string> key_id;
  std::optional<std::string> type;  // lower case, without `application/`
  Json members;
};

// A token whose signature was checked. Its claims are still to be checked by whoever asked.
struct Jwt {
  Algorithm algorithm;
  std::optional<Curve> curve;  // of the key that verified; none for RSA and HMAC
  HashFunction hash;           // for HashClaim
  std::optional<std::string> key_id;
  std::optional<std::string> type;  // lower case, without `application/`
  Json header;
  std::string payload;  // any bytes; see ParseClaims
};

// Reads the header without checking anything but its form.
//
// Errors: JWT_MALFORMED (not three base64url parts, longer than kMaxCompactBytes, a header that is
// no JSON object, `alg` missing, `alg`, `kid` or `typ` not strings), ALGORITHM_NOT_ALLOWED (`none`
// or unknown), CRITICAL_HEADER_UNKNOWN (`crit`, or `b64` other than true). Pure and thread-safe.
absl::StatusOr<UnverifiedHeader> ParseUnverifiedHeader(std::string_view compact);

// Checks a token that was signed with a private key, against the issuer's public keys.
//
// Errors: those of ParseUnverifiedHeader; ALGORITHM_NOT_ALLOWED also for what `policy` does not
// list and for HS*; JWT_TYPE_MISMATCH; KEY_NOT_FOUND (see JwkSet::FindKeys), where fetching the
// keys again may help; SIGNATURE_INVALID. None says anything of the token. Pure and thread-safe.
absl::StatusOr<Jwt> VerifyJws(std::string_view compact, const JwkSet& keys,
                              const JwsPolicy& policy);

// Checks a token that was signed with a shared secret: the only way in for HS256, HS384, HS512.
//
//   key  at least as long as the algorithm's hash (RFC 7518 section 3.2)
//
// Errors: those of VerifyJws; ALGORITHM_NOT_ALLOWED for everything but HS*; KEY_NOT_FOUND where the
// key is too short. Pure and thread-safe.
absl::StatusOr<Jwt> VerifyHmacJws(std::string_view compact, const Secret& key,
                                  const JwsPolicy& policy);

// The claims of a JWT: its payload as a strict JSON object (base/json.h), up to kMaxCompactBytes.
// Errors: JWT_MALFORMED, also for a member given twice. Pure and thread-safe.
absl::StatusOr<Json> ParseClaims(const Jwt& jwt);

// A compact JWS of `payload` by `key`. `header` has what is to stand beside `alg` and `kid`, which
// are the key's whatever it says: `{{"typ", "dpop+jwt"}, {"jwk", key.PublicJwk()}}`.
// Errors: INTERNAL where OpenSSL fails. Thread-safe.
absl::StatusOr<std::string> SignJws(const Json& header, std::string_view payload,
                                    const PrivateKey& key);

// The same with a shared secret, for `client_secret_jwt` (OIDC Core 9).
// Errors: INVALID_REQUEST where `algorithm` is not HS* or the key is shorter than its hash.
absl::StatusOr<std::string> SignHmacJws(const Json& header, std::string_view payload,
                                        Algorithm algorithm, const Secret& key);

}  // namespace tokenbroker::jose
