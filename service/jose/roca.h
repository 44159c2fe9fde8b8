// RSA keys that came out of Infineon's library with the ROCA weakness (CVE-2017-15361), whose
// private half can be computed from the public one.
#pragma once

#include <openssl/types.h>

namespace tokenbroker::jose {

// Whether the modulus has the structure of such keys (Nemec et al., "The Return of Coppersmith's
// Attack", section 2): a power of 65537 modulo the product of the first primes. Of other keys fewer
// than one in 2^150 has it. Pure and thread-safe.
bool HasRocaFingerprint(const BIGNUM* modulus);

// The same for a key of any type.
bool HasRocaFingerprint(EVP_PKEY* key);

}  // namespace tokenbroker::jose
