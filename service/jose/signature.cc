#include "jose/signature.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rsa.h>

#include <utility>

#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

const char* DigestName(HashFunction hash) {
  switch (hash) {
    case HashFunction::kSha256:
      return "SHA2-256";
    case HashFunction::kSha384:
      return "SHA2-384";
    case HashFunction::kSha512:
      return "SHA2-512";
    case HashFunction::kShake256:
      return nullptr;
  }
  return nullptr;
}

// EdDSA hashes by itself and wants no name here.
const char* DigestNameFor(const PublicKey& key, Algorithm algorithm) {
  if (key.type == KeyType::kOkp) return nullptr;
  const auto hash = HashFunctionOf(algorithm, key.curve);
  return hash ? DigestName(*hash) : nullptr;
}

bool IsPss(Algorithm algorithm) {
  return algorithm == Algorithm::kPS256 || algorithm == Algorithm::kPS384 ||
         algorithm == Algorithm::kPS512;
}

// The salt is as long as the digest, neither longer nor shorter (RFC 7518 section 3.5).
bool SetPadding(EVP_PKEY_CTX* context, const PublicKey& key, Algorithm algorithm) {
  if (key.type != KeyType::kRsa) return true;
  if (!IsPss(algorithm)) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_DIGEST) == 1;
}

// From R || S, each of the curve's full length (RFC 7518 section 3.4), to the DER that OpenSSL
// takes.
std::optional<std::string> ToDer(std::string_view raw, std::size_t coordinate_size) {
  if (raw.size() != 2 * coordinate_size) return std::nullopt;
  const int half = static_cast<int>(coordinate_size);
  BignumPtr r(BN_bin2bn(Bytes(raw), half, nullptr));
  BignumPtr s(BN_bin2bn(Bytes(raw.substr(coordinate_size)), half, nullptr));
  const EcdsaSignaturePtr signature(ECDSA_SIG_new());
  if (!r || !s || !signature) return std::nullopt;
  if (ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return std::nullopt;
  static_cast<void>(r.release());
  static_cast<void>(s.release());
  const int length = i2d_ECDSA_SIG(signature.get(), nullptr);
  if (length <= 0) return std::nullopt;
  std::string der(static_cast<std::size_t>(length), '\0');
  auto* position = reinterpret_cast<unsigned char*>(der.data());
  i2d_ECDSA_SIG(signature.get(), &position);
  return der;
}

std::optional<std::string> FromDer(std::string_view der, std::size_t coordinate_size) {
  const unsigned char* position = Bytes(der);
  const EcdsaSignaturePtr signature(
      d2i_ECDSA_SIG(nullptr, &position, static_cast<long>(der.size())));
  if (!signature) return std::nullopt;
  std::string raw(2 * coordinate_size, '\0');
  auto* bytes = reinterpret_cast<unsigned char*>(raw.data());
  const int half = static_cast<int>(coordinate_size);
  if (BN_bn2binpad(ECDSA_SIG_get0_r(signature.get()), bytes, half) != half ||
      BN_bn2binpad(ECDSA_SIG_get0_s(signature.get()), bytes + half, half) != half) {
    return std::nullopt;
  }
  return raw;
}

bool FitsType(const PublicKey& key, Algorithm algorithm) {
  return KeyTypeOf(algorithm) == key.type &&
         (key.type != KeyType::kEc ||
          ParseAlgorithmIdentifier(AlgorithmName(algorithm))->curve == key.curve);
}

}  // namespace

bool VerifySignature(const PublicKey& key, Algorithm algorithm, std::string_view message,
                     std::string_view signature) {
  const ErrorQueueGuard guard;
  if (!FitsType(key, algorithm)) return false;
  // RFC 8017 sections 8.1.2 and 8.2.2, step 1, which OpenSSL leaves out for PSS: without a leading
  // zero byte the same number is another signature.
  if (key.type == KeyType::kRsa &&
      signature.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key.key.get()))) {
    return false;
  }
  std::optional<std::string> der;
  if (key.type == KeyType::kEc) {
    der = ToDer(signature, CoordinateSize(*key.curve));
    if (!der) return false;
    signature = *der;
  }
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  return context &&
         EVP_DigestVerifyInit_ex(context.get(), &key_context, DigestNameFor(key, algorithm),
                                 nullptr, nullptr, key.key.get(), nullptr) == 1 &&
         SetPadding(key_context, key, algorithm) &&
         EVP_DigestVerify(context.get(), Bytes(signature), signature.size(), Bytes(message),
                          message.size()) == 1;
}

std::optional<std::string> MakeSignature(const PublicKey& key, Algorithm algorithm,
                                         std::string_view message) {
  const ErrorQueueGuard guard;
  if (!FitsType(key, algorithm)) return std::nullopt;
  const DigestContextPtr context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* key_context = nullptr;
  std::size_t length = 0;
  if (!context ||
      EVP_DigestSignInit_ex(context.get(), &key_context, DigestNameFor(key, algorithm), nullptr,
                            nullptr, key.key.get(), nullptr) != 1 ||
      !SetPadding(key_context, key, algorithm) ||
      EVP_DigestSign(context.get(), nullptr, &length, Bytes(message), message.size()) != 1) {
    return std::nullopt;
  }
  std::string signature(length, '\0');
  if (EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()), &length,
                     Bytes(message), message.size()) != 1) {
    return std::nullopt;
  }
  signature.resize(length);
  return key.type == KeyType::kEc ? FromDer(signature, CoordinateSize(*key.curve))
                                  : std::optional(std::move(signature));
}

std::optional<std::string> MakeHmac(Algorithm algorithm, const Secret& key,
                                    std::string_view message) {
  const ErrorQueueGuard guard;
  if (!IsHmac(algorithm)) return std::nullopt;
  const auto hash = HashFunctionOf(algorithm, std::nullopt);
  if (!hash) return std::nullopt;
  std::string code(EVP_MAX_MD_SIZE, '\0');
  std::size_t length = 0;
  const std::string_view secret = key.Reveal();
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, DigestName(*hash), nullptr, secret.data(), secret.size(),
                Bytes(message), message.size(), reinterpret_cast<unsigned char*>(code.data()),
                code.size(), &length) == nullptr) {
    return std::nullopt;
  }
  code.resize(length);
  return code;
}

}  // namespace tokenbroker::jose
