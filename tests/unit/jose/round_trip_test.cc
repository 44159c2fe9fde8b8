#include <string>

#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;
using testing::IsOk;
using testing::SigningKey;
using ::testing::TestWithParam;
using ::testing::Values;

class RoundTrip : public TestWithParam<Algorithm> {};

TEST_P(RoundTrip, VerifiesWhatItSigned) {
  const SigningKey key = SigningKey::Shared(GetParam(), "k");
  ASSERT_OK_AND_ASSIGN(const std::string token,
                       SignJws({{"typ", "JWT"}}, R"({"sub":"alice"})", key.key()));
  ASSERT_OK_AND_ASSIGN(const Jwt jwt, VerifyJws(token, key.Set(), {.algorithms = {GetParam()}}));
  EXPECT_EQ(jwt.algorithm, GetParam());
  EXPECT_EQ(jwt.key_id, "k");
  EXPECT_EQ(jwt.payload, R"({"sub":"alice"})");
}

TEST_P(RoundTrip, RefusesBrokenSignature) {
  const SigningKey key = SigningKey::Shared(GetParam(), "k");
  EXPECT_THAT(VerifyJws(testing::WithBrokenSignature(key.Sign({{"sub", "alice"}})), key.Set(),
                        {.algorithms = {GetParam()}}),
              FailsWith(Reason::kSignatureInvalid));
}

INSTANTIATE_TEST_SUITE_P(EveryPublicKeyAlgorithm, RoundTrip,
                         Values(Algorithm::kRS256, Algorithm::kRS384, Algorithm::kRS512,
                                Algorithm::kPS256, Algorithm::kPS384, Algorithm::kPS512,
                                Algorithm::kES256, Algorithm::kES384, Algorithm::kES512,
                                Algorithm::kEdDSA),
                         [](const auto& instance) {
                           return std::string(AlgorithmName(instance.param));
                         });

}  // namespace
}  // namespace tokenbroker::jose
