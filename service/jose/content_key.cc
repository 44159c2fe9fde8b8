#include "jose/content_key.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/params.h>
#include <openssl/rsa.h>

#include <array>
#include <utility>

#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

using KdfPtr = std::unique_ptr<EVP_KDF, Free<EVP_KDF_free>>;
using KdfContextPtr = std::unique_ptr<EVP_KDF_CTX, Free<EVP_KDF_CTX_free>>;

// What RFC 3394 adds to a key that it wraps.
constexpr std::size_t kWrapOverhead = 8;

std::string BigEndian32(std::size_t number) {
  std::string bytes(4, '\0');
  for (std::size_t i = 0; i < 4; ++i) bytes[i] = static_cast<char>(number >> (8 * (3 - i)));
  return bytes;
}

std::string WithLength(std::string_view bytes) { return BigEndian32(bytes.size()).append(bytes); }

std::optional<Secret> SharedSecret(EVP_PKEY* key, EVP_PKEY* peer) {
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  std::size_t size = 0;
  // Refuses a peer of another curve.
  if (!context || EVP_PKEY_derive_init(context.get()) != 1 ||
      EVP_PKEY_derive_set_peer(context.get(), peer) != 1 ||
      EVP_PKEY_derive(context.get(), nullptr, &size) != 1) {
    return std::nullopt;
  }
  std::string bytes(size, '\0');
  const bool derived =
      EVP_PKEY_derive(context.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size) == 1;
  bytes.resize(size);
  Secret secret = Secret::Take(std::move(bytes));
  if (!derived) return std::nullopt;
  return secret;
}

}  // namespace

std::optional<Secret> DecryptContentKey(KeyManagement algorithm, EVP_PKEY* key,
                                        std::string_view encrypted_key) {
  const ErrorQueueGuard guard;
  const PkeyContextPtr context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  const EVP_MD* hash = algorithm == KeyManagement::kRsaOaep ? EVP_sha1() : EVP_sha256();
  std::size_t size = 0;
  // RFC 8017 section 7.1.2 step 1b, which OpenSSL leaves out: without a leading zero byte the same
  // number is another ciphertext.
  if (encrypted_key.size() != static_cast<std::size_t>(EVP_PKEY_get_size(key))) return std::nullopt;
  if (!context || EVP_PKEY_decrypt_init(context.get()) != 1 ||
      EVP_PKEY_CTX_set_rsa_padding(context.get(), RSA_PKCS1_OAEP_PADDING) != 1 ||
      EVP_PKEY_CTX_set_rsa_oaep_md(context.get(), hash) != 1 ||
      EVP_PKEY_CTX_set_rsa_mgf1_md(context.get(), hash) != 1 ||
      EVP_PKEY_decrypt(context.get(), nullptr, &size, Bytes(encrypted_key), encrypted_key.size()) !=
          1) {
    return std::nullopt;
  }
  std::string bytes(size, '\0');
  const bool decrypted =
      EVP_PKEY_decrypt(context.get(), reinterpret_cast<unsigned char*>(bytes.data()), &size,
                       Bytes(encrypted_key), encrypted_key.size()) == 1;
  bytes.resize(decrypted ? size : 0);
  Secret secret = Secret::Take(std::move(bytes));
  if (!decrypted) return std::nullopt;
  return secret;
}

std::optional<Secret> AgreeOnKey(EVP_PKEY* key, const KeyAgreement& agreement,
                                 std::string_view algorithm_id, std::size_t size) {
  const ErrorQueueGuard guard;
  const auto shared = SharedSecret(key, agreement.ephemeral_key.key.get());
  if (!shared) return std::nullopt;
  std::string other_info = WithLength(algorithm_id) + WithLength(agreement.party_u_info) +
                           WithLength(agreement.party_v_info) + BigEndian32(size * 8);
  std::string secret(shared->Reveal());
  std::string digest = "SHA2-256";
  const std::array parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_KDF_PARAM_DIGEST, digest.data(), digest.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_KEY, secret.data(), secret.size()),
      OSSL_PARAM_construct_octet_string(OSSL_KDF_PARAM_INFO, other_info.data(), other_info.size()),
      OSSL_PARAM_construct_end()};
  // OpenSSL's name for the one-step key derivation of NIST SP 800-56C, which Concat KDF is.
  const KdfPtr kdf(EVP_KDF_fetch(nullptr, "SSKDF", nullptr));
  const KdfContextPtr context(kdf ? EVP_KDF_CTX_new(kdf.get()) : nullptr);
  std::string derived(size, '\0');
  const bool done =
      context && EVP_KDF_derive(context.get(), reinterpret_cast<unsigned char*>(derived.data()),
                                derived.size(), parameters.data()) == 1;
  WipeString(secret);
  Secret agreed = Secret::Take(std::move(derived));
  if (!done) return std::nullopt;
  return agreed;
}

std::optional<Secret> UnwrapKey(const Secret& wrapping_key, std::string_view wrapped,
                                std::size_t size) {
  const ErrorQueueGuard guard;
  if (wrapped.size() != size + kWrapOverhead) return std::nullopt;
  const EVP_CIPHER* cipher = wrapping_key.size() == 16   ? EVP_aes_128_wrap()
                             : wrapping_key.size() == 24 ? EVP_aes_192_wrap()
                                                         : EVP_aes_256_wrap();
  const CipherContextPtr context(EVP_CIPHER_CTX_new());
  if (!context) return std::nullopt;
  EVP_CIPHER_CTX_set_flags(context.get(), EVP_CIPHER_CTX_FLAG_WRAP_ALLOW);
  std::string key(wrapped.size() + kWrapOverhead, '\0');
  int written = 0;
  const bool opened =
      EVP_DecryptInit_ex2(context.get(), cipher, Bytes(wrapping_key.Reveal()), nullptr, nullptr) ==
          1 &&
      EVP_DecryptUpdate(context.get(), reinterpret_cast<unsigned char*>(key.data()), &written,
                        Bytes(wrapped), static_cast<int>(wrapped.size())) == 1 &&
      static_cast<std::size_t>(written) == size;
  key.resize(opened ? size : 0);
  Secret unwrapped = Secret::Take(std::move(key));
  if (!opened) return std::nullopt;
  return unwrapped;
}

}  // namespace tokenbroker::jose
