// The signature primitives of RFC 7518 section 3 and RFC 8037, on bytes. Used inside jose/ only;
// they check nothing about what the bytes mean.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "jose/algorithm.h"
#include "jose/public_key.h"

namespace tokenbroker::jose {

// Whether `signature`, in JOSE's form, is one of `message` by `key`. `algorithm` must be of the
// key's type; its curve too. False for every fault. Leaves nothing in OpenSSL's error queue.
// Thread-safe.
bool VerifySignature(const PublicKey& key, Algorithm algorithm, std::string_view message,
                     std::string_view signature);

// A signature in JOSE's form; `key` holds the private half. Nothing where OpenSSL refuses the key.
std::optional<std::string> MakeSignature(const PublicKey& key, Algorithm algorithm,
                                         std::string_view message);

// HMAC by HS256, HS384 or HS512; nothing for other algorithms.
std::optional<std::string> MakeHmac(Algorithm algorithm, const Secret& key,
                                    std::string_view message);

}  // namespace tokenbroker::jose
