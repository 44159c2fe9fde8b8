// Bytes that nobody can guess, from OpenSSL's CSPRNG.
#pragma once

#include <cstddef>
#include <string>

namespace tokenbroker {

// `count` random bytes. Crashes the process when the generator fails: there is no safe way on.
std::string RandomBytes(std::size_t count);

// `bytes` random bytes as unpadded base64url: only `A-Z a-z 0-9 - _`, safe in URLs, forms and keys.
std::string RandomToken(std::size_t bytes = 32);

// Uniform in [0, 1), for jitter. Not for secrets.
double RandomFraction();

}  // namespace tokenbroker
