#include "oauth/client_authentication.h"

#include <map>
#include <ostream>
#include <set>
#include <string>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;
using ::testing::UnorderedElementsAre;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::SigningKey;

const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);
constexpr std::string_view kIssuer = "https://op.example/t1";
constexpr std::string_view kSecret =
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

FormWriter Form() {
  FormWriter form;
  form.Add("grant_type", "client_credentials");
  return form;
}

absl::StatusOr<EncodedRequest> Encode(const ClientAuthentication& authentication) {
  return Authenticate(Form(), "client 1", authentication,
                      {.audience = std::string(kIssuer), .now = kNow});
}

std::map<std::string, std::string> Fields(const EncodedRequest& request) {
  std::map<std::string, std::string> fields;
  const auto parsed = ParseForm(request.body.Reveal());
  for (const FormField& field : *parsed) fields.emplace(field.name, field.value.Reveal());
  return fields;
}

void ExpectClaims(const jose::Jwt& assertion) {
  ASSERT_OK_AND_ASSIGN(const Json claims, jose::ParseClaims(assertion));
  EXPECT_EQ(claims["iss"], "client 1");
  EXPECT_EQ(claims["sub"], "client 1");
  EXPECT_EQ(claims["aud"], kIssuer);
  EXPECT_EQ(claims["iat"], 1'700'000'000);
  EXPECT_EQ(claims["exp"], 1'700'000'060);
  EXPECT_GE(claims["jti"].get<std::string>().size(), 16u);
  EXPECT_EQ(claims.size(), 6u);
}

// `tok-private-key-jwt`
class PrivateKeyAssertion : public ::testing::TestWithParam<jose::Algorithm> {};

TEST_P(PrivateKeyAssertion, SaysWhoTheClientIsToTheProviderAlone) {
  const SigningKey key = SigningKey::Shared(GetParam(), "key-1");
  ASSERT_OK_AND_ASSIGN(const EncodedRequest request, Encode(PrivateKeyJwt{key.key()}));
  const auto fields = Fields(request);
  EXPECT_THAT(fields, UnorderedElementsAre(
                          Pair("grant_type", "client_credentials"), Pair("client_id", "client 1"),
                          Pair("client_assertion_type",
                               "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                          Pair("client_assertion", ::testing::_)));
  ASSERT_OK_AND_ASSIGN(
      const jose::Jwt assertion,
      jose::VerifyJws(fields.at("client_assertion"), key.Set(), {.algorithms = {GetParam()}}));
  EXPECT_EQ(assertion.key_id, "key-1");
  ExpectClaims(assertion);
  EXPECT_THAT(request.headers, ElementsAre(::testing::FieldsAre("Accept", ::testing::_)));
}

INSTANTIATE_TEST_SUITE_P(Algorithms, PrivateKeyAssertion,
                         ::testing::Values(jose::Algorithm::kRS256, jose::Algorithm::kRS384,
                                           jose::Algorithm::kRS512, jose::Algorithm::kPS256,
                                           jose::Algorithm::kPS384, jose::Algorithm::kPS512,
                                           jose::Algorithm::kES256, jose::Algorithm::kES384,
                                           jose::Algorithm::kES512, jose::Algorithm::kEdDSA),
                         [](const auto& row) {
                           return std::string(jose::AlgorithmName(row.param));
                         });

class SecretAssertion : public ::testing::TestWithParam<jose::Algorithm> {};

TEST_P(SecretAssertion, IsSignedWithTheSecretAndDoesNotSayIt) {
  ASSERT_OK_AND_ASSIGN(const EncodedRequest request,
                       Encode(ClientSecretJwt{Secret(kSecret), GetParam()}));
  const auto fields = Fields(request);
  EXPECT_EQ(fields.count("client_secret"), 0u);
  ASSERT_OK_AND_ASSIGN(const jose::Jwt assertion,
                       jose::VerifyHmacJws(fields.at("client_assertion"), Secret(kSecret),
                                           {.algorithms = {GetParam()}}));
  EXPECT_EQ(assertion.key_id, std::nullopt);
  ExpectClaims(assertion);
}

INSTANTIATE_TEST_SUITE_P(Algorithms, SecretAssertion,
                         ::testing::Values(jose::Algorithm::kHS256, jose::Algorithm::kHS384,
                                           jose::Algorithm::kHS512),
                         [](const auto& row) {
                           return std::string(jose::AlgorithmName(row.param));
                         });

TEST(ClientAssertion, IsAnotherOneEachTime) {
  const ClientAuthentication authentication =
      ClientSecretJwt{Secret(kSecret), jose::Algorithm::kHS256};
  std::set<std::string> seen;
  for (int i = 0; i < 20; ++i) {
    ASSERT_OK_AND_ASSIGN(const EncodedRequest request, Encode(authentication));
    seen.insert(Fields(request).at("client_assertion"));
  }
  EXPECT_EQ(seen.size(), 20u);
}

TEST(ClientAssertion, IsNotSignedWithASecretThatIsTooShort) {
  // RFC 7518 section 3.2
  EXPECT_THAT(Encode(ClientSecretJwt{Secret("short"), jose::Algorithm::kHS256}),
              FailsWith(Reason::kInvalidRequest));
}

TEST(TlsClientAuth, NamesTheClientInTheFormAlone) {
  // RFC 8705 section 2
  for (const auto trust : {CertificateTrust::kAuthority, CertificateTrust::kSelfSigned}) {
    ASSERT_OK_AND_ASSIGN(const EncodedRequest request,
                         Encode(TlsClientAuth{trust, "client.pem", "client.key"}));
    EXPECT_THAT(Fields(request), UnorderedElementsAre(Pair("grant_type", "client_credentials"),
                                                      Pair("client_id", "client 1")));
    EXPECT_THAT(request.headers, ElementsAre(::testing::FieldsAre("Accept", ::testing::_)));
  }
}

TEST(ClientAuthentication, HasItsRegisteredName) {
  EXPECT_EQ(MethodName(ClientSecretBasic{}), "client_secret_basic");
  EXPECT_EQ(MethodName(ClientSecretPost{}), "client_secret_post");
  EXPECT_EQ(MethodName(ClientSecretJwt{Secret(), jose::Algorithm::kHS256}), "client_secret_jwt");
  EXPECT_EQ(MethodName(PrivateKeyJwt{SigningKey::Shared(jose::Algorithm::kES256, "k").key()}),
            "private_key_jwt");
  EXPECT_EQ(MethodName(TlsClientAuth{CertificateTrust::kAuthority, "", ""}), "tls_client_auth");
  EXPECT_EQ(MethodName(TlsClientAuth{CertificateTrust::kSelfSigned, "", ""}),
            "self_signed_tls_client_auth");
  EXPECT_EQ(MethodName(NoAuthentication{}), "none");
}

}  // namespace
}  // namespace tokenbroker::oauth
