#include "jose/private_key.h"

#include <openssl/core_names.h>
#include <openssl/pem.h>
#include <openssl/sha.h>

#include <array>
#include <optional>
#include <utility>

#include "base/base64url.h"
#include "base/error.h"
#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

// Without one, OpenSSL would ask on the terminal for the passphrase of an encrypted key.
int RefusePassphrase(char*, int, int, void*) { return -1; }

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
  const ErrorQueueGuard guard;
  const BioPtr bio(BIO_new_mem_buf(pem.Reveal().data(), static_cast<int>(pem.size())));
  PkeyPtr pkey = SharePkey(
      bio ? PEM_read_bio_PrivateKey(bio.get(), nullptr, RefusePassphrase, nullptr) : nullptr);
  if (!pkey) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not an unencrypted PEM private key.");
  }
  std::optional<PublicKey> key = Classify(std::move(pkey));
  if (!key || !Fits(*key, algorithm)) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not of the type, curve or size of its algorithm.");
  }
  return PrivateKey(*std::move(key), algorithm, std::move(key_id));
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

std::string PrivateKey::Thumbprint() const {
  // The members in lexicographic order without white space, which is how Json is kept and written.
  const std::string canonical = jose::PublicJwk(key_).dump();
  std::array<char, SHA256_DIGEST_LENGTH> digest;
  SHA256(Bytes(canonical), canonical.size(), reinterpret_cast<unsigned char*>(digest.data()));
  return Base64UrlEncode(std::string_view(digest.data(), digest.size()));
}

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
