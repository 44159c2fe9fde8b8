#include "jose/jwk.h"

#include <openssl/sha.h>
#include <openssl/x509.h>

#include <algorithm>
#include <set>
#include <utility>

#include "base/base64url.h"
#include "base/error.h"
#include "base/sha256.h"
#include "base/status_macros.h"
#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

absl::Status Fault(std::string_view what) {
  return ErrorWithMessage(Reason::kProviderResponseInvalid, what);
}

absl::Status CheckUse(const Json& jwk) {
  if (const auto use = jwk.find("use"); use != jwk.end() && *use != "sig") {
    return Fault("The key is not for signatures (use).");
  }
  const auto operations = jwk.find("key_ops");
  if (operations == jwk.end()) return absl::OkStatus();
  if (!operations->is_array()) return Fault("key_ops is not an array.");
  std::set<std::string> seen;
  for (const Json& operation : *operations) {
    if (!operation.is_string() || !seen.insert(operation.get<std::string>()).second) {
      return Fault("key_ops holds a value twice or one that is no string.");
    }
  }
  return seen.contains("verify") ? absl::OkStatus()
                                 : Fault("The key is not for verifying signatures (key_ops).");
}

absl::Status CheckNothingPrivate(const Json& jwk) {
  for (const char* name : {"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"}) {
    if (jwk.contains(name)) return Fault("The key holds a private or secret member.");
  }
  return absl::OkStatus();
}

// Standard base64 with padding, as RFC 7517 section 4.7 wants it for certificates.
std::optional<std::string> DecodeBase64(std::string text) {
  if (text.size() % 4 != 0 || text.find_first_of("-_") != std::string::npos) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.pop_back();
  std::ranges::replace(text, '+', '-');
  std::ranges::replace(text, '/', '_');
  return Base64UrlDecode(text);
}

std::string Sha1(std::string_view bytes) {
  std::string digest(SHA_DIGEST_LENGTH, '\0');
  SHA1(Bytes(bytes), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()));
  return digest;
}

absl::Status CheckThumbprint(const Json& jwk, const char* name, std::string_view digest) {
  const auto thumbprint = jwk.find(name);
  if (thumbprint == jwk.end() || *thumbprint == Base64UrlEncode(digest)) return absl::OkStatus();
  return Fault("The thumbprint is not the certificate's.");
}

// The chain is not validated: keys are trusted because the issuer publishes them over TLS. But a
// certificate that contradicts its key shows that one of the two is not what the issuer meant.
absl::Status CheckCertificate(const Json& jwk, EVP_PKEY* key) {
  const auto chain = jwk.find("x5c");
  if (chain == jwk.end()) return absl::OkStatus();
  if (!chain->is_array() || chain->empty() || !chain->front().is_string()) {
    return Fault("x5c is not an array of certificates.");
  }
  const auto der = DecodeBase64(chain->front().get<std::string>());
  if (!der) return Fault("x5c is not base64.");
  const unsigned char* position = Bytes(*der);
  const CertificatePtr certificate(d2i_X509(nullptr, &position, static_cast<long>(der->size())));
  if (!certificate || position != Bytes(*der) + der->size()) {
    return Fault("x5c does not parse as a certificate.");
  }
  EVP_PKEY* certified = X509_get0_pubkey(certificate.get());
  if (certified == nullptr || EVP_PKEY_eq(certified, key) != 1) {
    return Fault("The certificate is for another key.");
  }
  RETURN_IF_ERROR(CheckThumbprint(jwk, "x5t", Sha1(*der)));
  return CheckThumbprint(jwk, "x5t#S256", Sha256(*der));
}

bool AreOfOneKind(const Jwk& a, const Jwk& b) {
  return a.public_key().type == b.public_key().type &&
         a.public_key().curve == b.public_key().curve && a.algorithm() == b.algorithm();
}

}  // namespace

absl::StatusOr<Jwk> Jwk::Parse(const Json& jwk) {
  const ErrorQueueGuard guard;
  if (!jwk.is_object()) return Fault("The key is not an object.");
  Jwk parsed;
  if (const auto key_id = jwk.find("kid"); key_id != jwk.end()) {
    if (!key_id->is_string()) return Fault("kid is not a string.");
    parsed.key_id_ = key_id->get<std::string>();
  }
  RETURN_IF_ERROR(CheckUse(jwk));
  RETURN_IF_ERROR(CheckNothingPrivate(jwk));
  auto public_key = ParsePublicKey(jwk);
  if (!public_key.ok()) {
    const auto message = public_key.status().message();
    return Fault(std::string_view(message.data(), message.size()));
  }
  parsed.public_key_ = *std::move(public_key);
  if (const auto name = jwk.find("alg"); name != jwk.end()) {
    if (!name->is_string()) return Fault("alg is not a string.");
    const auto algorithm = ParseAlgorithmIdentifier(name->get_ref<const std::string&>());
    if (!algorithm || !parsed.Fits(*algorithm)) {
      return Fault("alg is not a signature algorithm of this type of key.");
    }
    parsed.algorithm_ = algorithm;
  }
  RETURN_IF_ERROR(CheckCertificate(jwk, parsed.public_key_.key.get()));
  return parsed;
}

bool Jwk::Fits(const AlgorithmIdentifier& wanted) const {
  if (KeyTypeOf(wanted.algorithm) != public_key_.type) return false;
  if (wanted.curve && wanted.curve != public_key_.curve) return false;
  return !algorithm_ || algorithm_->algorithm == wanted.algorithm;
}

absl::StatusOr<JwkSet> JwkSet::Parse(std::string_view json) {
  const auto document = ParseJsonObject(json, {.max_bytes = kMaxBytes, .max_depth = 16});
  if (!document.ok()) return Fault("The JWK set is not a JSON object.");
  const auto members = document->find("keys");
  if (members == document->end() || !members->is_array()) {
    return Fault("The JWK set has no array `keys`.");
  }
  if (members->size() > kMaxKeys) return Fault("The JWK set has too many keys.");
  JwkSet set;
  for (std::size_t i = 0; i < members->size(); ++i) {
    const Json& member = (*members)[i];
    if (!member.is_object()) return Fault("A member of the JWK set is not an object.");
    auto key = Jwk::Parse(member);
    if (key.ok()) {
      set.keys_.push_back(*std::move(key));
    } else {
      set.skipped_.push_back({i, std::string(key.status().message())});
    }
  }
  return set;
}

absl::StatusOr<std::vector<const Jwk*>> JwkSet::FindKeys(
    const AlgorithmIdentifier& algorithm, const std::optional<std::string>& key_id) const {
  std::vector<const Jwk*> found;
  for (const Jwk& key : keys_) {
    if (!key.Fits(algorithm) || (key_id && key.key_id() != key_id)) continue;
    const bool ambiguous = key_id && std::ranges::any_of(found, [&](const Jwk* other) {
                             return AreOfOneKind(*other, key);
                           });
    if (ambiguous) {
      return ErrorWithMessage(Reason::kKeyNotFound,
                              "The issuer publishes several keys with the JWT's kid, kty and alg.");
    }
    if (found.size() < kMaxTried) found.push_back(&key);
  }
  if (found.empty()) return Error(Reason::kKeyNotFound);
  return found;
}

}  // namespace tokenbroker::jose
