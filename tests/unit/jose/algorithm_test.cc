#include "jose/algorithm.h"

#include "gmock/gmock.h"

namespace tokenbroker::jose {
namespace {

TEST(Algorithm, ParsesEveryNameItWrites) {
  for (const Algorithm algorithm :
       {Algorithm::kRS256, Algorithm::kRS384, Algorithm::kRS512, Algorithm::kPS256,
        Algorithm::kPS384, Algorithm::kPS512, Algorithm::kES256, Algorithm::kES384,
        Algorithm::kES512, Algorithm::kEdDSA, Algorithm::kHS256, Algorithm::kHS384,
        Algorithm::kHS512}) {
    EXPECT_EQ(ParseAlgorithm(AlgorithmName(algorithm)), algorithm) << AlgorithmName(algorithm);
    EXPECT_EQ(IsHmac(algorithm), AlgorithmName(algorithm).starts_with("HS"));
  }
}

TEST(Algorithm, KnowsNoOtherName) {
  using namespace std::string_view_literals;
  for (const std::string_view name :
       {"none"sv, "None"sv, "NONE"sv, ""sv, "rs256"sv, "RS256\0"sv, "RS256 "sv, "RS1"sv, "ES256K"sv,
        "ES224"sv, "ES521"sv, "A256GCM"sv, "RSA-OAEP"sv, "RSA1_5"sv, "ed25519"sv, "HS1"sv}) {
    EXPECT_EQ(ParseAlgorithm(name), std::nullopt) << name;
  }
}

// RFC 9864 section 2: the curve is part of the name.
TEST(Algorithm, FullySpecifiedNamesSettleTheCurve) {
  EXPECT_EQ(ParseAlgorithmIdentifier("EdDSA"),
            (AlgorithmIdentifier{Algorithm::kEdDSA, std::nullopt}));
  EXPECT_EQ(ParseAlgorithmIdentifier("Ed25519"),
            (AlgorithmIdentifier{Algorithm::kEdDSA, Curve::kEd25519}));
  EXPECT_EQ(ParseAlgorithmIdentifier("Ed448"),
            (AlgorithmIdentifier{Algorithm::kEdDSA, Curve::kEd448}));
}

TEST(Algorithm, HasNoHashForEdDsaOnAnUnknownCurve) {
  EXPECT_EQ(HashFunctionOf(Algorithm::kEdDSA, Curve::kEd25519), HashFunction::kSha512);
  EXPECT_EQ(HashFunctionOf(Algorithm::kEdDSA, Curve::kEd448), HashFunction::kShake256);
  EXPECT_EQ(HashFunctionOf(Algorithm::kEdDSA, std::nullopt), std::nullopt);
  EXPECT_EQ(HashFunctionOf(Algorithm::kEdDSA, Curve::kP256), std::nullopt);
}

}  // namespace
}  // namespace tokenbroker::jose
