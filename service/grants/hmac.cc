#include "grants/hmac.h"

#include <openssl/evp.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "base/base64url.h"

namespace tokenbroker::grants {
namespace {

constexpr std::size_t kDigestSize = 32;
constexpr std::size_t kNameSize = 16;

std::string HmacSha256(const Secret& key, std::string_view text) {
  std::string digest(kDigestSize, '\0');
  std::size_t size = 0;
  if (EVP_Q_mac(nullptr, "HMAC", nullptr, "SHA256", nullptr, key.Reveal().data(), key.size(),
                reinterpret_cast<const unsigned char*>(text.data()), text.size(),
                reinterpret_cast<unsigned char*>(digest.data()), digest.size(), &size) == nullptr) {
    // Only for want of memory: there is no safe way on.
    std::fputs("token-broker: HMAC failed\n", stderr);
    std::abort();
  }
  return digest;
}

void AppendWithSize(std::string_view value, std::string& text) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    text.push_back(static_cast<char>(std::uint64_t{value.size()} >> shift & 0xff));
  }
  text += value;
}

}  // namespace

Secret ExpandKey(const Secret& key, std::string_view label, std::string_view name) {
  std::string text;
  AppendWithSize(label, text);
  text += name;
  text += '\x01';
  return Secret::Take(HmacSha256(key, text));
}

std::string KeyedHash::Of(std::string_view kind,
                          std::initializer_list<std::string_view> values) const {
  std::string text;
  AppendWithSize(kind, text);
  for (const std::string_view value : values) AppendWithSize(value, text);
  std::string digest = HmacSha256(key_, text);
  WipeString(text);
  return Base64UrlEncode(std::string_view(digest).substr(0, kNameSize));
}

}  // namespace tokenbroker::grants
