#include "grants/hmac.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/params.h>

#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "base/base64url.h"

namespace tokenbroker::grants {
namespace {

constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kNameSize = 16;

const unsigned char* Bytes(std::string_view text) {
  return reinterpret_cast<const unsigned char*>(text.data());
}

// OpenSSL fails here only for want of memory: there is no safe way on.
void Require(bool ok) {
  if (ok) return;
  std::fputs("token-broker: HMAC failed\n", stderr);
  std::abort();
}

EVP_MAC* Hmac() {
  static EVP_MAC* const hmac = EVP_MAC_fetch(nullptr, "HMAC", nullptr);
  return hmac;
}

void AppendWithSize(std::string_view value, std::string& text) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(std::uint64_t{value.size()} >> shift & 0xff));
  }
  text += value;
}

}  // namespace

void HmacKey::Deleter::operator()(evp_mac_ctx_st* context) const { EVP_MAC_CTX_free(context); }

HmacKey::HmacKey(const Secret& key) : contexts_(std::make_unique<Contexts>()) {
  Context& prepared = contexts_->prepared;
  prepared.reset(EVP_MAC_CTX_new(Hmac()));
  Require(prepared != nullptr);
  std::string digest = "SHA256";
  const std::array<OSSL_PARAM, 2> parameters = {
      OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest.data(), 0),
      OSSL_PARAM_construct_end()};
  Require(EVP_MAC_init(prepared.get(), Bytes(key.Reveal()), key.size(), parameters.data()) == 1);
}

HmacKey::Context HmacKey::TakeContext() const {
  {
    const MutexLock lock(contexts_->mutex);
    if (!contexts_->spare.empty()) {
      Context context = std::move(contexts_->spare.back());
      contexts_->spare.pop_back();
      return context;
    }
  }
  Context context(EVP_MAC_CTX_dup(contexts_->prepared.get()));
  Require(context != nullptr);
  return context;
}

std::string HmacKey::DigestOf(std::string_view text) const {
  Context context = TakeContext();
  std::string digest(kDigestSize, '\0');
  std::size_t size = 0;
  Require(EVP_MAC_update(context.get(), Bytes(text), text.size()) == 1 &&
          EVP_MAC_final(context.get(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                        digest.size()) == 1);
  // Begins anew with the same key.
  Require(EVP_MAC_init(context.get(), nullptr, 0, nullptr) == 1);
  const MutexLock lock(contexts_->mutex);
  contexts_->spare.push_back(std::move(context));
  return digest;
}

Secret ExpandKey(const HmacKey& key, std::string_view label, std::string_view name) {
  std::string text;
  AppendWithSize(label, text);
  text += name;
  text += '\x01';
  return Secret::Take(key.DigestOf(text));
}

std::string KeyedHash::Of(std::string_view kind,
                          std::initializer_list<std::string_view> values) const {
  std::string text;
  AppendWithSize(kind, text);
  for (const std::string_view value : values) AppendWithSize(value, text);
  const std::string digest = key_.DigestOf(text);
  WipeString(text);
  return Base64UrlEncode(std::string_view(digest).substr(0, kNameSize));
}

}  // namespace tokenbroker::grants
