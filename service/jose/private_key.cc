#include "jose/private_key.h"

#include <openssl/pem.h>

#include <optional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "jose/openssl.h"
#include "jose/pem.h"

namespace tokenbroker::jose {
namespace {

bool Fits(const PublicKey& key, Algorithm algorithm) {
  if (KeyTypeOf(algorithm) != key.type) return false;
  const auto curve = ParseAlgorithmIdentifier(AlgorithmName(algorithm))->curve;
  return !curve || curve == key.curve;
}

PkeyPtr GenerateKey(Algorithm algorithm) {
  const auto curve = ParseAlgorithmIdentifier(AlgorithmName(algorithm))->curve;
  switch (*KeyTypeOf(algorithm)) {
    case KeyType::kRsa:
      return SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    case KeyType::kEc:
      return SharePkey(
          EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", std::string(CurveName(*curve)).c_str()));
    case KeyType::kOkp:
      return SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"));
  }
  return nullptr;
}

}  // namespace

PrivateKey::PrivateKey(PublicKey key, Algorithm algorithm, std::string key_id)
    : key_(std::move(key)), algorithm_(algorithm), key_id_(std::move(key_id)) {}

absl::StatusOr<PrivateKey> PrivateKey::FromPem(const Secret& pem, Algorithm algorithm,
                                               std::string key_id) {
  ASSIGN_OR_RETURN(PublicKey key, ParsePrivatePem(pem));
  if (!Fits(key, algorithm)) return UnfitPrivateKey();
  return PrivateKey(std::move(key), algorithm, std::move(key_id));
}

absl::StatusOr<PrivateKey> PrivateKey::Generate(Algorithm algorithm, std::string key_id) {
  const ErrorQueueGuard guard;
  if (IsHmac(algorithm)) {
    return ErrorWithMessage(Reason::kInvalidRequest, "HMAC has no private keys.");
  }
  std::optional<PublicKey> key = Classify(GenerateKey(algorithm));
  if (!key) return Error(Reason::kInternal);
  return PrivateKey(*std::move(key), algorithm, std::move(key_id));
}

Json PrivateKey::PublicJwk() const {
  Json jwk = jose::PublicJwk(key_);
  if (!key_id_.empty()) jwk["kid"] = key_id_;
  jwk["alg"] = AlgorithmName(algorithm_);
  jwk["use"] = "sig";
  return jwk;
}

std::string PrivateKey::Thumbprint() const { return jose::Thumbprint(key_); }

absl::StatusOr<Secret> PrivateKey::ToPem() const {
  const ErrorQueueGuard guard;
  const BioPtr bio(BIO_new(BIO_s_secmem()));
  if (!bio || PEM_write_bio_PKCS8PrivateKey(bio.get(), key_.key.get(), nullptr, nullptr, 0, nullptr,
                                            nullptr) != 1) {
    return Error(Reason::kInternal);
  }
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return Secret(std::string_view(bytes, static_cast<std::size_t>(length)));
}

}  // namespace tokenbroker::jose
