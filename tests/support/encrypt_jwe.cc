#include "support/encrypt_jwe.h"

#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <cstdlib>
#include <utility>

#include "base/base64url.h"
#include "base/random.h"
#include "jose/content_key.h"
#include "jose/openssl.h"
#include "jose/signature.h"

namespace tokenbroker::testing {
namespace {

using jose::Bytes;
using jose::ContentEncryption;
using jose::KeyManagement;

void Require(bool condition) {
  if (!condition) std::abort();
}

unsigned char* Writable(std::string& text) { return reinterpret_cast<unsigned char*>(text.data()); }

// One cipher run: `associated_data` and `tag` for GCM alone.
std::string RunCipher(const char* name, std::string_view key, const char* iv,
                      std::string_view associated_data, std::string_view input, std::string* tag) {
  const jose::CipherContextPtr context(EVP_CIPHER_CTX_new());
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  EVP_CIPHER* cipher = EVP_CIPHER_fetch(nullptr, name, nullptr);
  Require(EVP_EncryptInit_ex2(context.get(), cipher, Bytes(key),
                              reinterpret_cast<const unsigned char*>(iv), nullptr) == 1);
  EVP_CIPHER_free(cipher);
  std::string output(input.size() + 32, '\0');
  int written = 0;
  int rest = 0;
  if (tag != nullptr) {
    Require(EVP_EncryptUpdate(context.get(), nullptr, &written, Bytes(associated_data),
                              static_cast<int>(associated_data.size())) == 1);
  }
  Require(EVP_EncryptUpdate(context.get(), Writable(output), &written, Bytes(input),
                            static_cast<int>(input.size())) == 1);
  Require(EVP_EncryptFinal_ex(context.get(), Writable(output) + written, &rest) == 1);
  output.resize(static_cast<std::size_t>(written + rest));
  if (tag != nullptr) {
    tag->resize(16);
    Require(EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, 16, tag->data()) == 1);
  }
  return output;
}

std::string CipherName(std::size_t key_size, const char* mode) {
  return "AES-" + std::to_string(key_size * 8) + "-" + mode;
}

bool IsGcm(ContentEncryption encryption) {
  return jose::ContentEncryptionName(encryption).ends_with("GCM");
}

struct Sealed {
  std::string iv;
  std::string ciphertext;
  std::string tag;
};

Sealed SealContent(ContentEncryption encryption, std::string_view key,
                   std::string_view associated_data, std::string_view plaintext) {
  Sealed sealed;
  if (IsGcm(encryption)) {
    sealed.iv = RandomBytes(12);
    sealed.ciphertext = RunCipher(CipherName(key.size(), "GCM").c_str(), key, sealed.iv.data(),
                                  associated_data, plaintext, &sealed.tag);
    return sealed;
  }
  const std::size_t half = key.size() / 2;
  sealed.iv = RandomBytes(16);
  sealed.ciphertext = RunCipher(CipherName(half, "CBC").c_str(), key.substr(half), sealed.iv.data(),
                                "", plaintext, nullptr);
  std::string length(8, '\0');
  for (std::size_t i = 0; i < 8; ++i) {
    length[i] = static_cast<char>((associated_data.size() * 8) >> (8 * (7 - i)));
  }
  const auto mac = half == 16   ? jose::Algorithm::kHS256
                   : half == 24 ? jose::Algorithm::kHS384
                                : jose::Algorithm::kHS512;
  sealed.tag = jose::MakeHmac(mac, Secret(key.substr(0, half)),
                              std::string(associated_data) + sealed.iv + sealed.ciphertext + length)
                   ->substr(0, half);
  return sealed;
}

std::string EncryptWithRsa(KeyManagement algorithm, EVP_PKEY* key, std::string_view content_key) {
  const jose::PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const EVP_MD* hash = algorithm == KeyManagement::kRsaOaep ? EVP_sha1() : EVP_sha256();
  std::string encrypted(static_cast<std::size_t>(EVP_PKEY_get_size(key)), '\0');
  std::size_t size = encrypted.size();
  Require(EVP_PKEY_encrypt_init(context.get()) == 1 &&
          EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) == 1 &&
          EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) == 1 &&
          EVP_PKEY_encrypt(context.get(), Writable(encrypted), &size, Bytes(content_key),
                           content_key.size()) == 1);
  encrypted.resize(size);
  return encrypted;
}

}  // namespace

std::string EncryptJwe(std::string_view plaintext, const jose::DecryptionKey& recipient,
                       ContentEncryption encryption, const JweChanges& changes) {
  const KeyManagement algorithm = recipient.algorithm();
  Json header = {{"alg", jose::KeyManagementName(algorithm)},
                 {"enc", jose::ContentEncryptionName(encryption)},
                 {"cty", "JWT"}};
  if (!recipient.key_id().empty()) header["kid"] = recipient.key_id();
  std::string content_key = RandomBytes(jose::ContentKeySize(encryption));
  std::string encrypted_key;
  if (jose::IsRsa(algorithm)) {
    encrypted_key = EncryptWithRsa(algorithm, recipient.key().key.get(),
                                   changes.content_key.value_or(content_key));
  } else {
    const std::string curve(jose::CurveName(*recipient.key().curve));
    const auto ephemeral =
        jose::Classify(jose::SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", curve.c_str())));
    header["epk"] = jose::PublicJwk(*ephemeral);
    const auto wrapping_key_size = jose::WrappingKeySize(algorithm);
    const auto agreed =
        jose::AgreeOnKey(ephemeral->key.get(), {recipient.key(), "", ""},
                         wrapping_key_size ? jose::KeyManagementName(algorithm)
                                           : jose::ContentEncryptionName(encryption),
                         wrapping_key_size.value_or(content_key.size()));
    Require(agreed.has_value());
    if (wrapping_key_size) {
      encrypted_key = RunCipher(CipherName(*wrapping_key_size, "WRAP").c_str(), agreed->Reveal(),
                                nullptr, "", changes.content_key.value_or(content_key), nullptr);
    } else {
      content_key = agreed->Reveal();
    }
  }
  header.merge_patch(changes.header);
  const std::string encoded_header = Base64UrlEncode(header.dump());
  const Sealed sealed = SealContent(encryption, content_key, encoded_header, plaintext);
  return encoded_header + "." + Base64UrlEncode(changes.encrypted_key.value_or(encrypted_key)) +
         "." + Base64UrlEncode(sealed.iv) + "." + Base64UrlEncode(sealed.ciphertext) + "." +
         Base64UrlEncode(sealed.tag);
}

}  // namespace tokenbroker::testing
