#include "oauth/request_object.h"

#include <string>

#include "gmock/gmock.h"
#include "jose/jws.h"
#include "support/signing_key.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::SigningKey;

constexpr absl::Time kNow = absl::FromUnixSeconds(1767225600);

RequestObjectClaims Claims() {
  return {.client_id = "client",
          .issuer = "https://op.example",
          .id = "unique",
          .issued_at = kNow,
          .expires_at = kNow + absl::Minutes(10)};
}

Parameters Sample() {
  return {{"response_type", "code"}, {"client_id", "client"}, {"scope", "openid"}, {"state", "s"},
          {"max_age", "90"},         {"resource", "urn:a"}};
}

TEST(RequestObject, IsSignedWithEveryKindOfKey) {
  for (const auto algorithm :
       {jose::Algorithm::kRS256, jose::Algorithm::kPS256, jose::Algorithm::kPS512,
        jose::Algorithm::kES256, jose::Algorithm::kES384, jose::Algorithm::kEdDSA}) {
    const SigningKey key = SigningKey::Shared(algorithm, "kid-1");
    ASSERT_OK_AND_ASSIGN(const std::string object,
                         SignRequestObject(Sample(), Claims(), key.key()));
    // RFC 9101 section 10.8
    const jose::JwsPolicy policy{.algorithms = {algorithm},
                                 .accepted_types = {"oauth-authz-req+jwt"},
                                 .absent_type = jose::AbsentType::kRefused};
    ASSERT_OK_AND_ASSIGN(const jose::Jwt jwt, jose::VerifyJws(object, key.Set(), policy));
    EXPECT_EQ(jwt.key_id, "kid-1");
    ASSERT_OK_AND_ASSIGN(const Json claims, jose::ParseClaims(jwt));
    EXPECT_EQ(claims, Json({{"iss", "client"},
                            {"aud", "https://op.example"},
                            {"jti", "unique"},
                            {"iat", 1767225600},
                            {"nbf", 1767225600},
                            {"exp", 1767226200},
                            {"response_type", "code"},
                            {"client_id", "client"},
                            {"scope", "openid"},
                            {"state", "s"},
                            {"max_age", 90},
                            {"resource", "urn:a"}}));
  }
}

Json ClaimsOf(const Parameters& parameters) {
  const SigningKey key = SigningKey::Shared(jose::Algorithm::kES256, "k");
  const auto object = SignRequestObject(parameters, Claims(), key.key());
  EXPECT_THAT(object, testing::IsOk());
  const auto jwt = jose::VerifyJws(
      *object, key.Set(),
      {.algorithms = {jose::Algorithm::kES256}, .accepted_types = {"oauth-authz-req+jwt"}});
  return *jose::ParseClaims(*jwt);
}

TEST(RequestObject, HasSeveralResourcesAsAList) {
  EXPECT_EQ(ClaimsOf({{"resource", "urn:a"}, {"resource", "urn:b"}, {"resource", "urn:c"}})
                .at("resource"),
            Json::array({"urn:a", "urn:b", "urn:c"}));
}

TEST(RequestObject, HasJsonParametersAsJson) {
  const Json claims = ClaimsOf({{"claims", R"({"id_token":{"acr":{"essential":true}}})"},
                                {"authorization_details", R"([{"type":"payment"}])"},
                                {"screen_hint", R"({"not":"json"})"}});
  EXPECT_EQ(claims.at("claims").at("id_token").at("acr").at("essential"), true);
  EXPECT_EQ(claims.at("authorization_details"), Json::array({{{"type", "payment"}}}));
  EXPECT_EQ(claims.at("screen_hint"), R"({"not":"json"})");
}

TEST(RequestObject, RefusesJsonParametersThatAreNone) {
  const SigningKey key = SigningKey::Shared(jose::Algorithm::kES256, "k");
  for (const char* text : {"", "{", "1,\"x\":2", "1}", "{\"a\":1,\"a\":1}"}) {
    EXPECT_THAT(SignRequestObject({{"claims", text}}, Claims(), key.key()),
                FailsWith(Reason::kInvalidRequest))
        << text;
  }
}

TEST(RequestObject, GoesWithWhatOpenIdConnectWantsBesideIt) {
  // OIDC Core 6.1
  EXPECT_THAT(WithRequestObject(Sample(), "a.b.c"),
              ElementsAre(Parameter{"response_type", "code"}, Parameter{"client_id", "client"},
                          Parameter{"scope", "openid"}, Parameter{"request", "a.b.c"}));
}

}  // namespace
}  // namespace tokenbroker::oauth
