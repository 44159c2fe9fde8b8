// The signed examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A.
#include <cctype>
#include <string>
#include <vector>

#include "base/base64url.h"
#include "base/secret.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"
#include "unit/jose/test_data.h"

namespace tokenbroker::jose {
namespace {

using testing::FailsWith;

class RfcExample : public ::testing::TestWithParam<Json> {
 protected:
  absl::StatusOr<Jwt> Verify(const std::string& jws) const {
    const Json& key = GetParam()["key"];
    const JwsPolicy policy{.algorithms = {*ParseAlgorithm(GetParam()["alg"].get<std::string>())}};
    if (key["kty"] != "oct") return VerifyJws(jws, testing::MakeJwkSet({key}), policy);
    return VerifyHmacJws(jws, Secret(*Base64UrlDecode(key["k"].get<std::string>())), policy);
  }
};

TEST_P(RfcExample, Verifies) {
  const std::string jws = GetParam()["jws"];
  ASSERT_OK_AND_ASSIGN(const Jwt jwt, Verify(jws));
  EXPECT_EQ(jwt.payload,
            Base64UrlDecode(jws.substr(jws.find('.') + 1, jws.rfind('.') - jws.find('.') - 1)));
}

TEST_P(RfcExample, DoesNotVerifyWithABrokenSignature) {
  EXPECT_THAT(Verify(testing::WithBrokenSignature(GetParam()["jws"].get<std::string>())),
              FailsWith(Reason::kSignatureInvalid));
}

std::vector<Json> Examples() {
  return LoadTestData("rfc_jws_examples.json")["examples"].get<std::vector<Json>>();
}

INSTANTIATE_TEST_SUITE_P(Jws, RfcExample, ::testing::ValuesIn(Examples()),
                         [](const auto& instance) {
                           std::string name;
                           for (const char c : instance.param["source"].template get<std::string>())
                             if (std::isalnum(static_cast<unsigned char>(c))) name += c;
                           return name;
                         });

// RFC 7517 appendix B.
TEST(RfcExamples, KeyWithItsCertificateIsTaken) {
  EXPECT_OK(Jwk::Parse(LoadTestData("rfc7517_x5c_key.json")));
}

}  // namespace
}  // namespace tokenbroker::jose
