#include "jose/jws.h"

#include <algorithm>
#include <array>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "jose/signature.h"

namespace tokenbroker::jose {
namespace {

constexpr JsonLimits kHeaderLimits = {.max_bytes = 64 << 10, .max_depth = 16};

absl::Status Malformed(std::string_view what) {
  return ErrorWithMessage(Reason::kJwtMalformed, what);
}

// The three parts, still encoded.
struct CompactParts {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
  std::string_view signing_input;
};

absl::StatusOr<CompactParts> Split(std::string_view compact) {
  if (compact.size() > kMaxCompactBytes) return Malformed("The JWT is too long.");
  // Before anything is cut at the dots: JSON serialisation could hold dots anywhere.
  const bool is_compact = std::ranges::all_of(compact, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
  });
  if (!is_compact) return Malformed("The JWT is not in compact serialisation.");
  const auto dots = std::ranges::count(compact, '.');
  if (dots == 4) return Malformed("The JWT is encrypted; a signed one is expected.");
  if (dots != 2) return Malformed("The JWT does not have three parts.");
  const std::size_t first = compact.find('.');
  const std::size_t second = compact.find('.', first + 1);
  return CompactParts{compact.substr(0, first), compact.substr(first + 1, second - first - 1),
                      compact.substr(second + 1), compact.substr(0, second)};
}

absl::StatusOr<std::optional<std::string>> OptionalString(const Json& members, const char* name) {
  const auto member = members.find(name);
  if (member == members.end()) return std::optional<std::string>();
  if (!member->is_string()) return Malformed("A header parameter of the JWT is not a string.");
  return std::optional(member->get<std::string>());
}

std::string NormalType(std::string type) {
  absl::AsciiStrToLower(&type);
  constexpr std::string_view kPrefix = "application/";
  const bool is_short = type.starts_with(kPrefix) && type.find('/', kPrefix.size()) == type.npos;
  return is_short ? type.substr(kPrefix.size()) : type;
}

absl::StatusOr<UnverifiedHeader> ParseHeader(std::string_view encoded) {
  const auto text = Base64UrlDecode(encoded);
  if (!text) return Malformed("The header of the JWT is not base64url.");
  auto members = ParseJsonObject(*text, kHeaderLimits);
  if (!members.ok()) return Malformed("The header of the JWT is not a JSON object.");
  ASSIGN_OR_RETURN(const auto name, OptionalString(*members, "alg"));
  ASSIGN_OR_RETURN(auto key_id, OptionalString(*members, "kid"));
  ASSIGN_OR_RETURN(auto type, OptionalString(*members, "typ"));
  if (!name) return Malformed("The JWT does not say its algorithm.");
  const auto algorithm = ParseAlgorithmIdentifier(*name);
  if (!algorithm) return Error(Reason::kAlgorithmNotAllowed);
  // No extension is understood here, and what RFC 7797 does to a payload is refused even where the
  // token forgets to call it critical.
  const auto b64 = members->find("b64");
  if (members->contains("crit") || (b64 != members->end() && *b64 != true)) {
    return Error(Reason::kCriticalHeaderUnknown);
  }
  if (type) type = NormalType(*std::move(type));
  return UnverifiedHeader{*algorithm, std::move(key_id), std::move(type), *std::move(members)};
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
  ASSIGN_OR_RETURN(const CompactParts parts, Split(compact));
  ASSIGN_OR_RETURN(UnverifiedHeader header, ParseHeader(parts.header));
  auto payload = Base64UrlDecode(parts.payload);
  auto signature = Base64UrlDecode(parts.signature);
  if (!payload || !signature) return Malformed("A part of the JWT is not base64url.");
  RETURN_IF_ERROR(CheckPolicy(header, policy));
  return UncheckedJws{std::move(header), *std::move(payload), *std::move(signature),
                      parts.signing_input};
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
  ASSIGN_OR_RETURN(const CompactParts parts, Split(compact));
  return ParseHeader(parts.header);
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
  if (!claims.ok()) return Malformed("The claims of the JWT are not a strict JSON object.");
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
