// How a JWE's content key is got back (RFC 7518 section 4), on bytes. Used by jwe.cc only.
#pragma once

#include <openssl/types.h>

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

#include "base/secret.h"
#include "jose/jwe_algorithm.h"
#include "jose/public_key.h"

namespace tokenbroker::jose {

// What ECDH-ES reads from the header (RFC 7518 section 4.6.1).
struct KeyAgreement {
  PublicKey ephemeral_key;   // `epk`
  std::string party_u_info;  // `apu`
  std::string party_v_info;  // `apv`
};

// Decrypts the content key with RSAES-OAEP; `algorithm` is kRsaOaep or kRsaOaep256. Nothing where
// it does not decrypt. Thread-safe.
std::optional<Secret> DecryptContentKey(KeyManagement algorithm, EVP_PKEY* key,
                                        std::string_view encrypted_key);

// The key that both sides agree on, `size` bytes, by Concat KDF (RFC 7518 section 4.6.2).
// `algorithm_id` is the name of what the key is for: `enc` for kEcdhEs, `alg` for the others.
// Nothing where the keys are of different curves. Thread-safe.
std::optional<Secret> AgreeOnKey(EVP_PKEY* key, const KeyAgreement& agreement,
                                 std::string_view algorithm_id, std::size_t size);

// Opens a key of `size` bytes that is wrapped by AES (RFC 3394). Nothing where it does not open.
// Thread-safe.
std::optional<Secret> UnwrapKey(const Secret& wrapping_key, std::string_view wrapped,
                                std::size_t size);

}  // namespace tokenbroker::jose
