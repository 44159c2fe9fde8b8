// The signed examples of RFC 7515 appendix A, RFC 7520 section 4 and RFC 8037 appendix A.
#include <cctype>
#include <string>
#include <vector>

#include "base/base64url.h"
#include "base/secret.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "jose/public_key.h"
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

// RFC 7638 section 3.1.
TEST(RfcExamples, ThumbprintIsOfTheRequiredMembersAlone) {
  ASSERT_OK_AND_ASSIGN(
      const PublicKey key,
      ParsePublicKey(
          {{"kty", "RSA"},
           {"n",
            "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc"
            "_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQ"
            "R0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bF"
            "TWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"},
           {"e", "AQAB"},
           {"alg", "RS256"},
           {"kid", "2011-04-29"}}));
  EXPECT_EQ(Thumbprint(key), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
}

// RFC 9449 sections 4.1 and 6.1: the proof of figure 2, by the key that the token of figure 8 is
// bound to.
TEST(RfcExamples, ProofVerifiesByTheKeyInItsHeader) {
  constexpr std::string_view kProof =
      "eyJ0eXAiOiJkcG9wK2p3dCIsImFsZyI6IkVTMjU2IiwiandrIjp7Imt0eSI6IkVDIiwieCI6Imw4dEZyaHgtMzR0VjNo"
      "UklDUkRZOXpDa0RscEJoRjQyVVFVZldWQVdCRnMiLCJ5IjoiOVZFNGpmX09rX282NHpiVFRsY3VOSmFqSG10NnY5VERW"
      "clUwQ2R2R1JEQSIsImNydiI6IlAtMjU2In19."
      "eyJqdGkiOiItQndDM0VTYzZhY2MybFRjIiwiaHRtIjoiUE9TVCIsImh0"
      "dSI6Imh0dHBzOi8vc2VydmVyLmV4YW1wbGUuY29tL3Rva2VuIiwiaWF0IjoxNTYyMjYyNjE2fQ.2-"
      "GxA6T8lP4vfrg8v-"
      "FdWP0A0zdrj8igiMLvqRMUvwnQg4PtFLbdLXiOSsX0x7NVY-FNyJK70nfbV37xRZT3Lg";
  ASSERT_OK_AND_ASSIGN(const UnverifiedHeader header, ParseUnverifiedHeader(kProof));
  const Json& jwk = header.members["jwk"];
  const JwsPolicy policy{.algorithms = {Algorithm::kES256}, .accepted_types = {"dpop+jwt"}};
  EXPECT_OK(VerifyJws(kProof, testing::MakeJwkSet({jwk}), policy));
  ASSERT_OK_AND_ASSIGN(const PublicKey key, ParsePublicKey(jwk));
  EXPECT_EQ(Thumbprint(key), "0ZcOCORZNYy-DWpqq30jZyJGHTN0d2HglBV3uiguA4I");
}

}  // namespace
}  // namespace tokenbroker::jose
