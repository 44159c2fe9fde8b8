#include "base/secret.h"

#include <openssl/crypto.h>
#include <string.h>

namespace tokenbroker {

void WipeMemory(void* data, std::size_t size) {
  // As fast as the C library can, where OPENSSL_cleanse writes eight bytes at a time.
  if (size > 0) ::explicit_bzero(data, size);
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
  // What the caller has cleared may still lie in the buffer.
  if (secret.value_.empty()) WipeString(secret.value_);
  return secret;
}

}  // namespace tokenbroker
