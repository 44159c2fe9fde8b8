// Which keys of a set a token is checked with (RFC 7515 appendix D, OIDC Core 10.1).
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;
using testing::MakeJwkSet;
using testing::SigningKey;

const JwsPolicy kEverything{.algorithms = {Algorithm::kRS256, Algorithm::kPS256, Algorithm::kES256,
                                           Algorithm::kES384, Algorithm::kEdDSA}};

Json Without(Json jwk, std::initializer_list<const char*> names) {
  for (const char* name : names) jwk.erase(name);
  return jwk;
}

absl::StatusOr<Jwt> Verify(const SigningKey& signer, const JwkSet& keys) {
  return VerifyJws(signer.Sign({{"sub", "alice"}}), keys, kEverything);
}

TEST(KeyChoice, TokenWithoutKidIsCheckedWithTheOnlyKey) {
  const SigningKey unnamed = SigningKey::Generate(Algorithm::kES256, "");
  EXPECT_OK(Verify(unnamed, unnamed.Set()));
  Json named = unnamed.Jwk();
  named["kid"] = "some name";
  EXPECT_OK(Verify(unnamed, MakeJwkSet({named})));
}

TEST(KeyChoice, TokenWithoutKidIsCheckedWithEveryKeyThatFits) {
  const SigningKey signer = SigningKey::Generate(Algorithm::kES256, "");
  std::vector<Json> keys = {SigningKey::Shared(Algorithm::kRS256, "r").Jwk(),
                            SigningKey::Shared(Algorithm::kES384, "e").Jwk(),
                            SigningKey::Shared(Algorithm::kEdDSA, "o").Jwk()};
  for (std::size_t i = 0; i + 1 < JwkSet::kMaxTried; ++i) {
    keys.push_back(SigningKey::Generate(Algorithm::kES256, "").Jwk());
  }
  std::vector<Json> with_signer = keys;
  with_signer.push_back(signer.Jwk());
  EXPECT_OK(Verify(signer, MakeJwkSet(with_signer)));

  keys.push_back(SigningKey::Generate(Algorithm::kES256, "").Jwk());
  EXPECT_THAT(Verify(signer, MakeJwkSet(keys)), FailsWith(Reason::kSignatureInvalid));
}

TEST(KeyChoice, TriesNoMoreKeysThanTheLimit) {
  const SigningKey signer = SigningKey::Generate(Algorithm::kES256, "");
  std::vector<Json> keys;
  for (std::size_t i = 0; i < JwkSet::kMaxTried; ++i) {
    keys.push_back(SigningKey::Generate(Algorithm::kES256, "").Jwk());
  }
  keys.push_back(signer.Jwk());
  EXPECT_THAT(Verify(signer, MakeJwkSet(keys)), FailsWith(Reason::kSignatureInvalid));
}

TEST(KeyChoice, TokenWithKidIsNotCheckedWithAKeyOfAnotherNameOrNone) {
  const SigningKey signer = SigningKey::Generate(Algorithm::kES256, "a");
  EXPECT_THAT(Verify(signer, MakeJwkSet({Without(signer.Jwk(), {"kid"})})),
              FailsWith(Reason::kKeyNotFound));
  Json renamed = signer.Jwk();
  renamed["kid"] = "b";
  EXPECT_THAT(Verify(signer, MakeJwkSet({renamed})), FailsWith(Reason::kKeyNotFound));
}

// The OpenID Foundation's FAPI 2 tests publish such decoys in every run.
TEST(KeyChoice, KeysOfDifferentKindsMayShareAName) {
  const SigningKey ec = SigningKey::Generate(Algorithm::kES256, "same");
  const SigningKey p384 = SigningKey::Generate(Algorithm::kES384, "same");
  const SigningKey okp = SigningKey::Generate(Algorithm::kEdDSA, "same");
  const SigningKey rsa = SigningKey::Shared(Algorithm::kRS256, "same");
  const SigningKey pss = SigningKey::Shared(Algorithm::kPS256, "same");
  const JwkSet keys = MakeJwkSet({okp.Jwk(), ec.Jwk(), p384.Jwk(), pss.Jwk(), rsa.Jwk()});
  for (const SigningKey& signer : {ec, p384, okp, rsa, pss}) EXPECT_OK(Verify(signer, keys));
}

TEST(KeyChoice, KeysOfDifferentCurvesMayShareANameWithoutAlg) {
  const SigningKey ec = SigningKey::Generate(Algorithm::kES256, "same");
  const SigningKey p384 = SigningKey::Generate(Algorithm::kES384, "same");
  const JwkSet keys = MakeJwkSet({Without(p384.Jwk(), {"alg"}), Without(ec.Jwk(), {"alg"})});
  EXPECT_OK(Verify(ec, keys));
  EXPECT_OK(Verify(p384, keys));
}

// Wycheproof JWK 4.
TEST(KeyChoice, TwoKeysOfOneKindAndNameAreRefusedForThatNameAlone) {
  const SigningKey first = SigningKey::Generate(Algorithm::kES256, "same");
  const SigningKey second = SigningKey::Generate(Algorithm::kES256, "same");
  const SigningKey other = SigningKey::Generate(Algorithm::kES256, "other");
  const JwkSet keys = MakeJwkSet({first.Jwk(), second.Jwk(), other.Jwk()});
  EXPECT_THAT(Verify(first, keys), FailsWith(Reason::kKeyNotFound));
  EXPECT_THAT(Verify(second, keys), FailsWith(Reason::kKeyNotFound));
  EXPECT_OK(Verify(other, keys));
}

TEST(KeyChoice, KeyIsUsedWithItsOwnAlgAlone) {
  const SigningKey rsa = SigningKey::Shared(Algorithm::kRS256, "k");
  Json pss_only = rsa.Jwk();
  pss_only["alg"] = "PS256";
  EXPECT_THAT(Verify(rsa, MakeJwkSet({pss_only})), FailsWith(Reason::kKeyNotFound));
  EXPECT_OK(Verify(rsa, MakeJwkSet({Without(rsa.Jwk(), {"alg"})})));
}

TEST(KeyChoice, KeyForEncryptionIsNoKey) {
  const SigningKey rsa = SigningKey::Shared(Algorithm::kRS256, "k");
  Json encryption = rsa.Jwk();
  encryption["use"] = "enc";
  EXPECT_THAT(Verify(rsa, MakeJwkSet({encryption})), FailsWith(Reason::kKeyNotFound));
}

TEST(KeyChoice, EmptySetHasNoKey) {
  EXPECT_THAT(Verify(SigningKey::Generate(Algorithm::kES256, "k"), JwkSet()),
              FailsWith(Reason::kKeyNotFound));
}

// RFC 9864: both names for one key, and the new one for its own curve alone.
TEST(KeyChoice, EdDsaGoesByItsOldAndItsNewName) {
  const SigningKey okp = SigningKey::Generate(Algorithm::kEdDSA, "k");
  Json fully_specified = okp.Jwk();
  fully_specified["alg"] = "Ed25519";
  for (const JwkSet& keys : {okp.Set(), MakeJwkSet({fully_specified})}) {
    for (const char* name : {"EdDSA", "Ed25519"}) {
      ASSERT_OK_AND_ASSIGN(const Jwt jwt,
                           VerifyJws(okp.SignWithHeader({{"alg", name}}, {}), keys, kEverything));
      EXPECT_EQ(jwt.curve, Curve::kEd25519);
      EXPECT_EQ(jwt.hash, HashFunction::kSha512);
    }
    EXPECT_THAT(VerifyJws(okp.SignWithHeader({{"alg", "Ed448"}}, {}), keys, kEverything),
                FailsWith(Reason::kKeyNotFound));
  }
}

}  // namespace
}  // namespace tokenbroker::jose
