#include "base/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace tokenbroker {

namespace {

// Looked up once; not with each digest.
const EVP_MD* Algorithm() {
  static const EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  return algorithm;
}

}  // namespace

std::string Sha256(std::string_view bytes) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 Algorithm(), nullptr) != 1) {
    std::abort();  // only without memory, or without the default provider
  }
  return digest;
}

}  // namespace tokenbroker
