#include "base/secret.h"

#include <openssl/crypto.h>

namespace tokenbroker {

void WipeMemory(void* data, std::size_t size) {
  if (size > 0) OPENSSL_cleanse(data, size);
}

void WipeString(std::string& text) {
  // Growing to the capacity makes the spare bytes writable without a reallocation.
  text.resize(text.capacity());
  WipeMemory(text.data(), text.size());
  text.clear();
}

bool ConstantTimeEquals(std::string_view a, std::string_view b) {
  return a.size() == b.size() && (a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0);
}

Secret Secret::Take(std::string&& value) {
  Secret secret;
  secret.value_.swap(value);
  WipeString(value);
  return secret;
}

Secret::Secret(Secret&& other) noexcept : value_(std::move(other.value_)) {
  WipeString(other.value_);
}

Secret& Secret::operator=(Secret&& other) noexcept {
  if (this != &other) {
    WipeString(value_);
    value_ = std::move(other.value_);
    WipeString(other.value_);
  }
  return *this;
}

}  // namespace tokenbroker
