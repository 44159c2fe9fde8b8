#include "jose/content_encryption.h"

#include <openssl/evp.h>

#include <array>
#include <cstdint>
#include <string>
#include <utility>

#include "jose/openssl.h"
#include "jose/signature.h"

namespace tokenbroker::jose {
namespace {

constexpr std::size_t kGcmIvSize = 12;
constexpr std::size_t kGcmTagSize = 16;
constexpr std::size_t kCbcIvSize = 16;

const EVP_CIPHER* GcmCipher(std::size_t key_size) {
  return key_size == 16   ? EVP_aes_128_gcm()
         : key_size == 24 ? EVP_aes_192_gcm()
                          : EVP_aes_256_gcm();
}

const EVP_CIPHER* CbcCipher(std::size_t key_size) {
  return key_size == 16   ? EVP_aes_128_cbc()
         : key_size == 24 ? EVP_aes_192_cbc()
                          : EVP_aes_256_cbc();
}

unsigned char* Writable(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

std::optional<Secret> DecryptGcm(const Secret& key, const EncryptedContent& content) {
  if (content.iv.size() != kGcmIvSize || content.tag.size() != kGcmTagSize) return std::nullopt;
  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  std::string tag(content.tag);
  std::string plaintext(content.ciphertext.size() + 1, '\0');
  int written = 0;
  int rest = 0;
  const bool opened =
      context &&
      EVP_DecryptInit_ex2(context.get(), GcmCipher(key.size()), Bytes(key.Reveal()),
                          Bytes(content.iv), nullptr) == 1 &&
      EVP_DecryptUpdate(context.get(), nullptr, &written, Bytes(content.associated_data),
                        static_cast<int>(content.associated_data.size())) == 1 &&
      EVP_DecryptUpdate(context.get(), Writable(plaintext), &written, Bytes(content.ciphertext),
                        static_cast<int>(content.ciphertext.size())) == 1 &&
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, static_cast<int>(tag.size()),
                          tag.data()) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Writable(plaintext) + written, &rest) == 1;
  plaintext.resize(opened ? static_cast<std::size_t>(written + rest) : 0);
  Secret secret = Secret::Take(std::move(plaintext));
  if (!opened) return std::nullopt;
  return secret;
}

Algorithm MacOf(ContentEncryption encryption) {
  switch (encryption) {
    case ContentEncryption::kA128CbcHs256:
      return Algorithm::kHS256;
    case ContentEncryption::kA192CbcHs384:
      return Algorithm::kHS384;
    default:
      return Algorithm::kHS512;
  }
}

// RFC 7518 section 5.2.2.1: the first half of the key authenticates, the second encrypts.
std::optional<Secret> DecryptCbc(ContentEncryption encryption, const Secret& key,
                                 const EncryptedContent& content) {
  const std::size_t half = key.size() / 2;
  if (content.iv.size() != kCbcIvSize || content.tag.size() != half) return std::nullopt;
  std::string length(8, '\0');
  const std::uint64_t bits = std::uint64_t{content.associated_data.size()} * 8;
  for (std::size_t i = 0; i < 8; ++i) length[i] = static_cast<char>(bits >> (8 * (7 - i)));
  std::string authenticated(content.associated_data);
  authenticated.append(content.iv).append(content.ciphertext).append(length);
  const auto mac = MakeHmac(MacOf(encryption), Secret(key.Reveal().substr(0, half)), authenticated);
  if (!mac || !ConstantTimeEquals(mac->substr(0, half), content.tag)) return std::nullopt;

  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  std::string plaintext(content.ciphertext.size() + kCbcIvSize, '\0');
  int written = 0;
  int rest = 0;
  const bool opened =
      context &&
      EVP_DecryptInit_ex2(context.get(), CbcCipher(half), Bytes(key.Reveal().substr(half)),
                          Bytes(content.iv), nullptr) == 1 &&
      EVP_DecryptUpdate(context.get(), Writable(plaintext), &written, Bytes(content.ciphertext),
                        static_cast<int>(content.ciphertext.size())) == 1 &&
      EVP_DecryptFinal_ex(context.get(), Writable(plaintext) + written, &rest) == 1;
  plaintext.resize(opened ? static_cast<std::size_t>(written + rest) : 0);
  Secret secret = Secret::Take(std::move(plaintext));
  if (!opened) return std::nullopt;
  return secret;
}

}  // namespace

std::optional<Secret> DecryptContent(ContentEncryption encryption, const Secret& key,
                                     const EncryptedContent& content) {
  const ErrorQueueGuard guard;
  if (key.size() != ContentKeySize(encryption)) return std::nullopt;
  switch (encryption) {
    case ContentEncryption::kA128Gcm:
    case ContentEncryption::kA192Gcm:
    case ContentEncryption::kA256Gcm:
      return DecryptGcm(key, content);
    case ContentEncryption::kA128CbcHs256:
    case ContentEncryption::kA192CbcHs384:
    case ContentEncryption::kA256CbcHs512:
      return DecryptCbc(encryption, key, content);
  }
  return std::nullopt;
}

}  // namespace tokenbroker::jose
