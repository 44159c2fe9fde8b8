#include "jose/roca.h"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <string>
#include <utility>
#include <vector>

#include "base/base64url.h"
#include "gmock/gmock.h"
#include "jose/jwk.h"
#include "jose/openssl.h"
#include "jose/private_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;

std::vector<BN_ULONG> FirstPrimes(std::size_t count) {
  std::vector<BN_ULONG> primes;
  for (BN_ULONG number = 2; primes.size() < count; ++number) {
    bool divides = false;
    for (const BN_ULONG prime : primes) divides |= number % prime == 0;
    if (!divides) primes.push_back(number);
  }
  return primes;
}

BignumPtr ProductOf(const std::vector<BN_ULONG>& factors) {
  BignumPtr product(BN_new());
  BN_one(product.get());
  for (const BN_ULONG factor : factors) BN_mul_word(product.get(), factor);
  return product;
}

using ContextPtr = std::unique_ptr<BN_CTX, Free<BN_CTX_free>>;

// A prime as the library makes them: k * M + (65537^a mod M), where M is the product of the first
// `primes` primes.
BignumPtr RocaPrime(int bits, std::size_t primes) {
  const ContextPtr context(BN_CTX_new());
  const BignumPtr product = ProductOf(FirstPrimes(primes));
  const BignumPtr generator(BN_new());
  BN_set_word(generator.get(), 65537);
  BignumPtr candidate(BN_new());
  const BignumPtr exponent(BN_new());
  const BignumPtr power(BN_new());
  const BignumPtr factor(BN_new());
  do {
    BN_rand(exponent.get(), 60, BN_RAND_TOP_ANY, BN_RAND_BOTTOM_ANY);
    BN_mod_exp(power.get(), generator.get(), exponent.get(), product.get(), context.get());
    BN_rand(factor.get(), bits - BN_num_bits(product.get()), BN_RAND_TOP_TWO, BN_RAND_BOTTOM_ANY);
    BN_mul(candidate.get(), factor.get(), product.get(), context.get());
    BN_add(candidate.get(), candidate.get(), power.get());
  } while (BN_num_bits(candidate.get()) != bits ||
           BN_check_prime(candidate.get(), context.get(), nullptr) != 1);
  return candidate;
}

BignumPtr Multiply(const BignumPtr& a, const BignumPtr& b) {
  const ContextPtr context(BN_CTX_new());
  BignumPtr product(BN_new());
  BN_mul(product.get(), a.get(), b.get(), context.get());
  return product;
}

std::string BytesOf(const BIGNUM* number) {
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  return bytes;
}

Json JwkOf(const BIGNUM* modulus) {
  return {{"kty", "RSA"}, {"n", Base64UrlEncode(BytesOf(modulus))}, {"e", "AQAB"}};
}

// The private key of two primes, as PKCS #8 PEM.
std::string PemOf(const BignumPtr& p, const BignumPtr& q) {
  const ContextPtr context(BN_CTX_new());
  const BignumPtr n = Multiply(p, q);
  const BignumPtr e(BN_new());
  BN_set_word(e.get(), 65537);
  const BignumPtr p1(BN_dup(p.get()));
  const BignumPtr q1(BN_dup(q.get()));
  BN_sub_word(p1.get(), 1);
  BN_sub_word(q1.get(), 1);
  const BignumPtr totient = Multiply(p1, q1);
  const BignumPtr d(BN_mod_inverse(nullptr, e.get(), totient.get(), context.get()));
  const BignumPtr dp(BN_new());
  const BignumPtr dq(BN_new());
  BN_mod(dp.get(), d.get(), p1.get(), context.get());
  BN_mod(dq.get(), d.get(), q1.get(), context.get());
  const BignumPtr qi(BN_mod_inverse(nullptr, q.get(), p.get(), context.get()));
  const std::pair<const char*, const BignumPtr&> numbers[] = {
      {OSSL_PKEY_PARAM_RSA_N, n},          {OSSL_PKEY_PARAM_RSA_E, e},
      {OSSL_PKEY_PARAM_RSA_D, d},          {OSSL_PKEY_PARAM_RSA_FACTOR1, p},
      {OSSL_PKEY_PARAM_RSA_FACTOR2, q},    {OSSL_PKEY_PARAM_RSA_EXPONENT1, dp},
      {OSSL_PKEY_PARAM_RSA_EXPONENT2, dq}, {OSSL_PKEY_PARAM_RSA_COEFFICIENT1, qi}};
  const ParamBuilderPtr builder(OSSL_PARAM_BLD_new());
  for (const auto& [name, number] : numbers) {
    OSSL_PARAM_BLD_push_BN(builder.get(), name, number.get());
  }
  const ParamsPtr parameters(OSSL_PARAM_BLD_to_param(builder.get()));
  const PkeyContextPtr made(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* raw = nullptr;
  EVP_PKEY_fromdata_init(made.get());
  EVP_PKEY_fromdata(made.get(), &raw, EVP_PKEY_KEYPAIR, parameters.get());
  const PkeyPtr key = SharePkey(raw);
  const BioPtr bio(BIO_new(BIO_s_mem()));
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), nullptr, nullptr, 0, nullptr, nullptr);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(length));
}

TEST(Roca, IsFoundInKeysOfEveryLength) {
  // Nemec et al., table 1: as many primes as the library takes for keys of that length.
  const struct {
    int bits;
    std::size_t primes;
  } rows[] = {{512, 39}, {1024, 71}, {2048, 126}};
  for (const auto& [bits, primes] : rows) {
    const BignumPtr modulus = Multiply(RocaPrime(bits / 2, primes), RocaPrime(bits / 2, primes));
    EXPECT_TRUE(HasRocaFingerprint(modulus.get())) << bits;
  }
}

TEST(Roca, IsNotFoundInOtherKeys) {
  for (int i = 0; i < 5; ++i) {
    const PkeyPtr key = SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{2048}));
    EXPECT_FALSE(HasRocaFingerprint(key.get()));
  }
  EXPECT_FALSE(HasRocaFingerprint(SharePkey(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")).get()));
  EXPECT_FALSE(HasRocaFingerprint(static_cast<EVP_PKEY*>(nullptr)));
}

TEST(Roca, IsTheStructureModuloAllThePrimesTogether) {
  // 65537 generates everything modulo 3, 5 and 7 but not modulo 11: there the residue 3 is no power
  // of it. And where each residue is a power, one exponent must do for all.
  const BignumPtr modulus = Multiply(RocaPrime(256, 39), RocaPrime(256, 39));
  std::vector<BN_ULONG> primes = FirstPrimes(39);
  for (const unsigned prime : {11U, 3U}) {
    std::vector<BN_ULONG> others;
    for (const BN_ULONG other : primes) {
      if (other != prime) others.push_back(other);
    }
    // Changes the residue modulo this prime alone.
    const BignumPtr step = ProductOf(others);
    const BignumPtr changed(BN_dup(modulus.get()));
    const BN_ULONG wanted = prime == 11 ? 3 : 3 - BN_mod_word(modulus.get(), 3);
    while (BN_mod_word(changed.get(), prime) != wanted) {
      BN_add(changed.get(), changed.get(), step.get());
    }
    EXPECT_FALSE(HasRocaFingerprint(changed.get())) << prime;
  }
}

TEST(Roca, IsARefusedKeyWhereverItComesFrom) {
  const BignumPtr p = RocaPrime(1024, 126);
  BignumPtr q = RocaPrime(1024, 126);
  while (BN_num_bits(Multiply(p, q).get()) != 2048) q = RocaPrime(1024, 126);
  const auto jwk = Jwk::Parse(JwkOf(Multiply(p, q).get()));
  EXPECT_THAT(jwk.status().message(), ::testing::HasSubstr("CVE-2017-15361"));
  const auto key = PrivateKey::FromPem(Secret(PemOf(p, q)), Algorithm::kRS256, "k");
  EXPECT_THAT(key.status(), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(key.status().message(), ::testing::HasSubstr("CVE-2017-15361"));
}

}  // namespace
}  // namespace tokenbroker::jose
