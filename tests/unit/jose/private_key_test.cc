#include "jose/private_key.h"

#include <openssl/evp.h>
#include <openssl/pem.h>

#include <memory>
#include <string>

#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/jose/test_data.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;
using testing::SigningKey;

std::string PemOf(EVP_PKEY* made, const EVP_CIPHER* cipher = nullptr) {
  const std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key(made, EVP_PKEY_free);
  const std::unique_ptr<BIO, decltype(&BIO_free)> bio(BIO_new(BIO_s_mem()), BIO_free);
  char passphrase[] = "correct horse";
  PEM_write_bio_PKCS8PrivateKey(bio.get(), key.get(), cipher, passphrase,
                                cipher != nullptr ? sizeof(passphrase) - 1 : 0, nullptr, nullptr);
  char* bytes = nullptr;
  const long length = BIO_get_mem_data(bio.get(), &bytes);
  return std::string(bytes, static_cast<std::size_t>(length));
}

TEST(PrivateKey, SurvivesPem) {
  for (const Algorithm algorithm : {Algorithm::kRS256, Algorithm::kES256, Algorithm::kES384,
                                    Algorithm::kES512, Algorithm::kEdDSA}) {
    const SigningKey original = SigningKey::Shared(algorithm, "k");
    ASSERT_OK_AND_ASSIGN(const Secret pem, original.key().ToPem());
    ASSERT_OK_AND_ASSIGN(const PrivateKey read, PrivateKey::FromPem(pem, algorithm, "k"));
    EXPECT_EQ(read.PublicJwk(), original.Jwk());
    ASSERT_OK_AND_ASSIGN(const std::string token, SignJws(Json::object(), "x", read));
    EXPECT_OK(VerifyJws(token, original.Set(), {.algorithms = {algorithm}}));
  }
}

TEST(PrivateKey, SignsWithEd448) {
  const Secret pem(PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED448")));
  ASSERT_OK_AND_ASSIGN(PrivateKey key, PrivateKey::FromPem(pem, Algorithm::kEdDSA, "k"));
  const SigningKey signer(std::move(key));
  const JwsPolicy policy{.algorithms = {Algorithm::kEdDSA}};
  ASSERT_OK_AND_ASSIGN(const Jwt jwt, VerifyJws(signer.Sign({{"a", 1}}), signer.Set(), policy));
  EXPECT_EQ(jwt.hash, HashFunction::kShake256);
  EXPECT_OK(VerifyJws(signer.SignWithHeader({{"alg", "Ed448"}}, {}), signer.Set(), policy));
  EXPECT_THAT(VerifyJws(signer.SignWithHeader({{"alg", "Ed25519"}}, {}), signer.Set(), policy),
              FailsWith(Reason::kKeyNotFound));
}

TEST(PrivateKey, RefusesWhatDoesNotFitItsAlgorithm) {
  const struct {
    const char* name;
    std::string pem;
    Algorithm algorithm;
  } kRows[] = {
      {"empty", "", Algorithm::kRS256},
      {"not PEM", "secret", Algorithm::kRS256},
      {"a public key",
       "-----BEGIN PUBLIC KEY-----\nMCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE=\n"
       "-----END PUBLIC KEY-----\n",
       Algorithm::kEdDSA},
      {"RSA of 1024 bits (RFC 7518 3.3)",
       PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "RSA", std::size_t{1024})), Algorithm::kRS256},
      {"P-256 for ES384 (RFC 7518 3.4)", PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")),
       Algorithm::kES384},
      {"a curve that JOSE signs with elsewhere only",
       PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "secp256k1")), Algorithm::kES256},
      {"EC for RS256", PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")),
       Algorithm::kRS256},
      {"a key for key agreement", PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "X25519")),
       Algorithm::kEdDSA},
      {"HMAC", PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519")), Algorithm::kHS256},
      {"encrypted: nobody is there to type a passphrase",
       PemOf(EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519"), EVP_aes_128_cbc()), Algorithm::kEdDSA},
  };
  for (const auto& row : kRows) {
    EXPECT_THAT(PrivateKey::FromPem(Secret(row.pem), row.algorithm, "k"),
                FailsWith(Reason::kInvalidRequest))
        << row.name;
  }
  EXPECT_THAT(PrivateKey::Generate(Algorithm::kHS256, "k"), FailsWith(Reason::kInvalidRequest));
}

// RFC 7638 section 3.1.
TEST(PrivateKey, ThumbprintIsOfTheRequiredMembersAlone) {
  const SigningKey key = SigningKey::Shared(Algorithm::kES256, "k");
  ASSERT_OK_AND_ASSIGN(const Secret pem, key.key().ToPem());
  ASSERT_OK_AND_ASSIGN(const PrivateKey renamed,
                       PrivateKey::FromPem(pem, Algorithm::kES256, "another name"));
  EXPECT_EQ(key.key().Thumbprint(), renamed.Thumbprint());
  EXPECT_EQ(key.key().Thumbprint().size(), 43U);
}

// RFC 8037 appendix A.1 and A.3.
TEST(PrivateKey, ThumbprintIsThatOfTheRfc) {
  const Secret pem(ReadTestData("rfc8037_ed25519_test_only.pem"));
  ASSERT_OK_AND_ASSIGN(const PrivateKey key, PrivateKey::FromPem(pem, Algorithm::kEdDSA, ""));
  EXPECT_EQ(key.PublicJwk()["x"], "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo");
  EXPECT_EQ(key.Thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
  // RFC 8037 appendix A.4: EdDSA has one signature per message.
  ASSERT_OK_AND_ASSIGN(const std::string token,
                       SignJws(Json::object(), "Example of Ed25519 signing", key));
  EXPECT_EQ(token,
            "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
            "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0"
            "KAg");
}

}  // namespace
}  // namespace tokenbroker::jose
