#include "jose/jws.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "jose/signature.h"

namespace tokenbroker::jose {
namespace {

std::string NormalType(std::string type) {
  absl::AsciiStrToLower(&type);
  constexpr std::string_view kPrefix = "application/";
  const bool is_short = type.starts_with(kPrefix) && type.find('/', kPrefix.size()) == type.npos;
  return is_short ? type.substr(kPrefix.size()) : type;
}

absl::StatusOr<UnverifiedHeader> ParseHeader(std::string_view encoded) {
  ASSIGN_OR_RETURN(ProtectedHeader header, ParseProtectedHeader(encoded));
  ASSIGN_OR_RETURN(auto type, StringParameter(header.members, "typ"));
  const auto algorithm = ParseAlgorithmIdentifier(header.algorithm);
  if (!algorithm) return Error(Reason::kAlgorithmNotAllowed);
  // What RFC 7797 does to a payload is refused even where the token forgets to call it critical.
  const auto b64 = header.members.find("b64");
  if (b64 != header.members.end() && *b64 != true) return Error(Reason::kCriticalHeaderUnknown);
  if (type) type = NormalType(*std::move(type));
  return UnverifiedHeader{*algorithm, std::move(header.key_id), std::move(type),
                          std::move(header.members)};
}

absl::Status CheckPolicy(const UnverifiedHeader& header, const JwsPolicy& policy) {
  if (std::ranges::find(policy.algorithms, header.algorithm.algorithm) == policy.algorithms.end()) {
    return Error(Reason::kAlgorithmNotAllowed);
  }
  const bool type_fits = header.type ? std::ranges::find(policy.accepted_types, *header.type) !=
                                           policy.accepted_types.end()
                                     : policy.absent_type == AbsentType::kAccepted;
  return type_fits ? absl::OkStatus() : Error(Reason::kJwtTypeMismatch);
}

// A token that passed every check but that of its signature.
struct UncheckedJws {
  UnverifiedHeader header;
  std::string payload;
  std::string signature;
  std::string_view signing_input;
};

absl::StatusOr<UncheckedJws> ParseForPolicy(std::string_view compact, const JwsPolicy& policy) {
  ASSIGN_OR_RETURN(const auto parts, SplitCompact(compact, kJwsParts));
  ASSIGN_OR_RETURN(UnverifiedHeader header, ParseHeader(parts[0]));
  ASSIGN_OR_RETURN(std::string payload, DecodePart(parts[1]));
  ASSIGN_OR_RETURN(std::string signature, DecodePart(parts[2]));
  RETURN_IF_ERROR(CheckPolicy(header, policy));
  return UncheckedJws{std::move(header), std::move(payload), std::move(signature),
                      compact.substr(0, compact.rfind('.'))};
}

absl::StatusOr<Jwt> Verified(UncheckedJws jws, std::optional<Curve> curve) {
  const Algorithm algorithm = jws.header.algorithm.algorithm;
  const auto hash = HashFunctionOf(algorithm, curve);
  if (!hash) return Error(Reason::kAlgorithmNotAllowed);
  return Jwt{algorithm,
             curve,
             *hash,
             std::move(jws.header.key_id),
             std::move(jws.header.type),
             std::move(jws.header.members),
             std::move(jws.payload)};
}

// RFC 7518 section 3.2: at least as many bits as the hash has.
bool IsLongEnough(const Secret& key, Algorithm algorithm) {
  switch (algorithm) {
    case Algorithm::kHS256:
      return key.size() >= 32;
    case Algorithm::kHS384:
      return key.size() >= 48;
    case Algorithm::kHS512:
      return key.size() >= 64;
    default:
      return false;
  }
}

std::string SigningInput(const Json& header, std::string_view payload) {
  // Replacing what is not UTF-8 keeps the writer from throwing.
  const std::string text = header.dump(-1, ' ', false, Json::error_handler_t::replace);
  return Base64UrlEncode(text) + "." + Base64UrlEncode(payload);
}

}  // namespace

absl::StatusOr<UnverifiedHeader> ParseUnverifiedHeader(std::string_view compact) {
  ASSIGN_OR_RETURN(const auto parts, SplitCompact(compact, kJwsParts));
  return ParseHeader(parts[0]);
}

absl::StatusOr<Jwt> VerifyJws(std::string_view compact, const JwkSet& keys,
                              const JwsPolicy& policy) {
  ASSIGN_OR_RETURN(UncheckedJws jws, ParseForPolicy(compact, policy));
  const AlgorithmIdentifier algorithm = jws.header.algorithm;
  if (IsHmac(algorithm.algorithm)) return Error(Reason::kAlgorithmNotAllowed);
  ASSIGN_OR_RETURN(const auto candidates, keys.FindKeys(algorithm, jws.header.key_id));
  for (const Jwk* key : candidates) {
    const PublicKey& public_key = key->public_key();
    if (VerifySignature(public_key, algorithm.algorithm, jws.signing_input, jws.signature)) {
      return Verified(std::move(jws), public_key.curve);
    }
  }
  return Error(Reason::kSignatureInvalid);
}

absl::StatusOr<Jwt> VerifyHmacJws(std::string_view compact, const Secret& key,
                                  const JwsPolicy& policy) {
  ASSIGN_OR_RETURN(UncheckedJws jws, ParseForPolicy(compact, policy));
  const Algorithm algorithm = jws.header.algorithm.algorithm;
  if (!IsHmac(algorithm)) return Error(Reason::kAlgorithmNotAllowed);
  if (!IsLongEnough(key, algorithm)) {
    return ErrorWithMessage(Reason::kKeyNotFound,
                            "The shared secret is shorter than the JWT's algorithm needs.");
  }
  const auto code = MakeHmac(algorithm, key, jws.signing_input);
  if (!code || !ConstantTimeEquals(*code, jws.signature)) return Error(Reason::kSignatureInvalid);
  return Verified(std::move(jws), std::nullopt);
}

absl::StatusOr<Json> ParseClaims(const Jwt& jwt) {
  auto claims = ParseJsonObject(jwt.payload, {.max_bytes = kMaxCompactBytes, .max_depth = 32});
  if (!claims.ok()) return MalformedJwt("The claims of the JWT are not a strict JSON object.");
  return claims;
}

absl::StatusOr<std::string> SignJws(const Json& header, std::string_view payload,
                                    const PrivateKey& key) {
  Json full = header;
  full["alg"] = AlgorithmName(key.algorithm());
  full.erase("kid");
  if (!key.key_id().empty()) full["kid"] = key.key_id();
  const std::string input = SigningInput(full, payload);
  const auto signature = MakeSignature(key.key(), key.algorithm(), input);
  if (!signature) return Error(Reason::kInternal);
  return input + "." + Base64UrlEncode(*signature);
}

absl::StatusOr<std::string> SignHmacJws(const Json& header, std::string_view payload,
                                        Algorithm algorithm, const Secret& key) {
  if (!IsLongEnough(key, algorithm)) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The shared secret is shorter than the algorithm's hash.");
  }
  Json full = header;
  full["alg"] = AlgorithmName(algorithm);
  const std::string input = SigningInput(full, payload);
  const auto code = MakeHmac(algorithm, key, input);
  if (!code) return Error(Reason::kInternal);
  return input + "." + Base64UrlEncode(*code);
}

}  // namespace tokenbroker::jose
