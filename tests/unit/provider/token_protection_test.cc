#include "provider/token_protection.h"

#include <string>
#include <utility>

#include "base/error.h"
#include "gmock/gmock.h"
#include "support/encrypt_jwe.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using testing::EncryptJwe;
using testing::FailsWith;
using testing::SigningKey;

constexpr char kToken[] = "head.body.signature";

jose::DecryptionKey KeyFor(jose::Algorithm type, jose::KeyManagement algorithm,
                           const std::string& name) {
  const Secret pem = *SigningKey::Shared(type, name).key().ToPem();
  return *jose::DecryptionKey::FromPem(pem, algorithm, name);
}

jose::DecryptionKey Elliptic(const std::string& name) {
  return KeyFor(jose::Algorithm::kES256, jose::KeyManagement::kEcdhEs, name);
}

TEST(TokenProtection, LeavesATokenAloneWhereNoneIsEncrypted) {
  EXPECT_EQ(Decrypt(Secret(kToken), {})->Reveal(), kToken);
}

// jwe-happy, and a rotation of keys
TEST(TokenProtection, TakesTheSignedTokenOutOfAnEncryptedOne) {
  const auto old_key = Elliptic("old");
  const auto rsa = KeyFor(jose::Algorithm::kRS256, jose::KeyManagement::kRsaOaep256, "rsa");
  TokenProtection protection;
  protection.decryption_keys = {rsa, old_key};
  protection.encryption.content_encryptions = {jose::ContentEncryption::kA256Gcm};
  for (const auto& recipient : protection.decryption_keys) {
    const std::string token = EncryptJwe(kToken, recipient, jose::ContentEncryption::kA256Gcm);
    ASSERT_OK_AND_ASSIGN(const Secret inner, Decrypt(Secret(token), protection));
    EXPECT_EQ(inner.Reveal(), kToken);
  }
  const std::string other_encryption =
      EncryptJwe(kToken, rsa, jose::ContentEncryption::kA128CbcHs256);
  EXPECT_THAT(Decrypt(Secret(other_encryption), protection),
              FailsWith(Reason::kAlgorithmNotAllowed));
  const std::string for_another =
      EncryptJwe(kToken, Elliptic("new"), jose::ContentEncryption::kA256Gcm);
  EXPECT_THAT(Decrypt(Secret(for_another), protection), FailsWith(Reason::kKeyNotFound));
}

// jwe-expected-but-plain
TEST(TokenProtection, TakesNoPlainTokenWhereAllAreEncrypted) {
  TokenProtection protection;
  protection.decryption_keys = {Elliptic("old")};
  EXPECT_THAT(Decrypt(Secret(kToken), protection), FailsWith(Reason::kJwtMalformed));
}

class SharedSecrets : public ::testing::Test {
 protected:
  SharedSecrets() {
    secrets_.emplace_back(std::string(32, 'n'));
    secrets_.emplace_back(std::string(32, 'o'));
  }

  static Secret Signed(char key, jose::Algorithm algorithm = jose::Algorithm::kHS256,
                       std::size_t size = 32) {
    return Secret(*jose::SignHmacJws({{"typ", "JWT"}}, R"({"sub":"alice"})", algorithm,
                                     Secret(std::string(size, key))));
  }

  std::vector<Secret> secrets_;
  const jose::JwsPolicy policy_{.algorithms = {jose::Algorithm::kHS256}};
};

TEST_F(SharedSecrets, VerifyWithAnyOfThem) {
  EXPECT_OK(VerifyWithSharedSecrets(Signed('n'), secrets_, policy_));
  EXPECT_OK(VerifyWithSharedSecrets(Signed('o'), secrets_, policy_));
  EXPECT_THAT(VerifyWithSharedSecrets(Signed('x'), secrets_, policy_),
              FailsWith(Reason::kSignatureInvalid));
  EXPECT_THAT(VerifyWithSharedSecrets(Signed('n'), {}, policy_), FailsWith(Reason::kKeyNotFound));
}

// alg-from-token, alg-hs-empty-key
TEST_F(SharedSecrets, VerifyTheOneAlgorithmAlone) {
  EXPECT_THAT(VerifyWithSharedSecrets(Signed('n', jose::Algorithm::kHS512, 64), secrets_, policy_),
              FailsWith(Reason::kAlgorithmNotAllowed));
  const SigningKey key = SigningKey::Shared(jose::Algorithm::kES256, "old");
  EXPECT_THAT(VerifyWithSharedSecrets(Secret(key.Sign({{"sub", "alice"}})), secrets_, policy_),
              FailsWith(Reason::kAlgorithmNotAllowed));
  std::vector<Secret> empty;
  empty.emplace_back();
  EXPECT_THAT(VerifyWithSharedSecrets(Signed('n'), empty, policy_),
              FailsWith(Reason::kKeyNotFound));
}

TEST(TokenProtection, KeepsToTheAlgorithmsOfAProfile) {
  using jose::Algorithm;
  TokenProtection fapi2;
  fapi2.profile_algorithms = {Algorithm::kPS256, Algorithm::kES256, Algorithm::kEdDSA};
  const auto signed_with = [](Algorithm algorithm, std::optional<jose::Curve> curve) {
    return jose::Jwt{.algorithm = algorithm, .curve = curve};
  };
  for (const jose::Jwt& jwt : {signed_with(Algorithm::kPS256, std::nullopt),
                               signed_with(Algorithm::kES256, jose::Curve::kP256),
                               signed_with(Algorithm::kEdDSA, jose::Curve::kEd25519)}) {
    EXPECT_OK(CheckProfile(jwt, fapi2));
  }
  for (const jose::Jwt& jwt : {signed_with(Algorithm::kRS256, std::nullopt),
                               signed_with(Algorithm::kES384, jose::Curve::kP384),
                               signed_with(Algorithm::kHS256, std::nullopt),
                               signed_with(Algorithm::kEdDSA, jose::Curve::kEd448)}) {
    EXPECT_THAT(CheckProfile(jwt, fapi2), FailsWith(Reason::kAlgorithmNotAllowed));
    EXPECT_OK(CheckProfile(jwt, {}));
  }
}

}  // namespace
}  // namespace tokenbroker::provider
