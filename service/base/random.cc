#include "base/random.h"

#include <openssl/rand.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>

#include "base/base64url.h"

namespace tokenbroker {

std::string RandomBytes(std::size_t count) {
  std::string bytes(count, '\0');
  if (count > 0 &&
      RAND_bytes(reinterpret_cast<unsigned char*>(bytes.data()), static_cast<int>(count)) != 1) {
    std::fputs("token-broker: the random number generator failed\n", stderr);
    std::abort();
  }
  return bytes;
}

std::string RandomToken(std::size_t bytes) { return Base64UrlEncode(RandomBytes(bytes)); }

double RandomFraction() {
  std::uint64_t bits = 0;
  std::memcpy(&bits, RandomBytes(sizeof bits).data(), sizeof bits);
  return static_cast<double>(bits >> 11) * 0x1.0p-53;
}

}  // namespace tokenbroker
