#include "base/sha256.h"

#include <openssl/evp.h>

#include <cstdlib>

namespace tokenbroker {

std::string Sha256(std::string_view bytes) {
  std::string digest(32, '\0');
  unsigned int size = 0;
  if (EVP_Digest(bytes.data(), bytes.size(), reinterpret_cast<unsigned char*>(digest.data()), &size,
                 EVP_sha256(), nullptr) != 1) {
    std::abort();  // only without memory, or without the default provider
  }
  return digest;
}

}  // namespace tokenbroker
