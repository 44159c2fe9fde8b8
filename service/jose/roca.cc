#include "jose/roca.h"

#include <openssl/core_names.h>

#include <array>
#include <numeric>
#include <optional>
#include <vector>

#include "jose/openssl.h"

namespace tokenbroker::jose {
namespace {

constexpr BN_ULONG kGenerator = 65537;

// The odd primes that divide what the library uses for every size of key from 512 bits on; longer
// keys use more, and the structure modulo fewer follows from that modulo all.
constexpr std::array<BN_ULONG, 38> kPrimes = {
    3,  5,  7,  11, 13, 17,  19,  23,  29,  31,  37,  41,  43,  47,  53,  59,  61,  67,  71,
    73, 79, 83, 89, 97, 101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167};

// An exponent of the generator, as far as one prime tells it.
struct Exponent {
  BN_ULONG value;
  BN_ULONG order;  // the exponent is known modulo this
};

std::optional<Exponent> ExponentOf(BN_ULONG residue, BN_ULONG prime) {
  std::optional<BN_ULONG> found;
  BN_ULONG power = 1;
  BN_ULONG order = 0;
  do {
    if (power == residue) found = order;
    power = power * kGenerator % prime;
    ++order;
  } while (power != 1);
  if (!found) return std::nullopt;
  return Exponent{*found, order};
}

// Whether one exponent can be both: the Chinese remainder theorem for moduli that share factors.
bool Agree(const Exponent& a, const Exponent& b) {
  const BN_ULONG shared = std::gcd(a.order, b.order);
  return a.value % shared == b.value % shared;
}

}  // namespace

bool HasRocaFingerprint(const BIGNUM* modulus) {
  std::vector<Exponent> exponents;
  for (const BN_ULONG prime : kPrimes) {
    const auto exponent = ExponentOf(BN_mod_word(modulus, prime), prime);
    if (!exponent) return false;
    for (const Exponent& other : exponents) {
      if (!Agree(*exponent, other)) return false;
    }
    exponents.push_back(*exponent);
  }
  return true;
}

bool HasRocaFingerprint(EVP_PKEY* key) {
  if (key == nullptr || EVP_PKEY_is_a(key, "RSA") != 1) return false;
  BIGNUM* raw = nullptr;
  if (EVP_PKEY_get_bn_param(key, OSSL_PKEY_PARAM_RSA_N, &raw) != 1) return false;
  const BignumPtr modulus(raw);
  return HasRocaFingerprint(modulus.get());
}

}  // namespace tokenbroker::jose
