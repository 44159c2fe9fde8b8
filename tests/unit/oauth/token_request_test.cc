#include "oauth/token_request.h"

#include <string>

#include "gmock/gmock.h"
#include "oauth/client_authentication.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Header(const EncodedRequest& request, std::string_view name) {
  for (const auto& [key, value] : request.headers) {
    if (key == name) return std::string(value.Reveal());
  }
  return "";
}

EncodedRequest EncodeTokenRequest(const AuthorizationGrant& grant, std::string_view client_id,
                                  const ClientAuthentication& authentication) {
  return *Authenticate(TokenRequestForm(grant), client_id, authentication, AssertionTerms{});
}

AuthorizationGrant Code() {
  return AuthorizationCode{.code = Secret("SplxlOBeZQQYbYS6WxSbIA"),
                           .redirect_uri = "https://client.example.org/cb",
                           .code_verifier = Secret("dBjftJeZ4CVP")};
}

TEST(TokenRequest, RedeemsACodeWithBasicAuthentication) {
  // RFC 6749 sections 2.3.1 (the example's credentials) and 4.1.3; tok-happy-request-shape
  const EncodedRequest request =
      EncodeTokenRequest(Code(), "s6BhdRkqt3", ClientSecretBasic{Secret("7Fjfp0ZBr1KtDRbnfVdmIw")});
  EXPECT_EQ(request.body.Reveal(),
            "grant_type=authorization_code&code=SplxlOBeZQQYbYS6WxSbIA"
            "&redirect_uri=https%3A%2F%2Fclient.example.org%2Fcb&code_verifier=dBjftJeZ4CVP");
  EXPECT_EQ(Header(request, "Authorization"), "Basic czZCaGRSa3F0Mzo3RmpmcDBaQnIxS3REUmJuZlZkbUl3");
  EXPECT_EQ(Header(request, "Accept"), "application/json");
}

TEST(TokenRequest, AuthenticatesInOneWayOnly) {
  const EncodedRequest post =
      EncodeTokenRequest(Code(), "s6BhdRkqt3", ClientSecretPost{Secret("s&cr=t")});
  EXPECT_THAT(std::string(post.body.Reveal()),
              ::testing::EndsWith("&client_id=s6BhdRkqt3&client_secret=s%26cr%3Dt"));
  EXPECT_EQ(Header(post, "Authorization"), "");

  const EncodedRequest none = EncodeTokenRequest(Code(), "s6BhdRkqt3", NoAuthentication{});
  EXPECT_THAT(std::string(none.body.Reveal()), ::testing::EndsWith("&client_id=s6BhdRkqt3"));
  EXPECT_THAT(std::string(none.body.Reveal()), Not(HasSubstr("client_secret")));
  EXPECT_EQ(Header(none, "Authorization"), "");
}

TEST(PushedAuthorizationRequest, HasTheClientIdOnceWhateverTheAuthentication) {
  // RFC 9126 section 2.1
  const Parameters parameters = {
      {"client_id", "c"}, {"resource", "urn:a"}, {"resource", "urn:b"}, {"state", "a b"}};
  const auto body = [&](const ClientAuthentication& authentication) {
    FormWriter form = PushedAuthorizationForm(parameters, "c", authentication);
    return std::string(
        Authenticate(std::move(form), "c", authentication, AssertionTerms{})->body.Reveal());
  };
  const std::string form = "resource=urn%3Aa&resource=urn%3Ab&state=a+b&client_id=c";
  EXPECT_EQ(body(ClientSecretBasic{Secret("s")}), form);
  EXPECT_EQ(body(ClientSecretPost{Secret("s")}), form + "&client_secret=s");
  EXPECT_EQ(body(TlsClientAuth{}), form);
  EXPECT_EQ(body(NoAuthentication{}), form);
}

TEST(TokenRequest, FormEncodesBasicCredentials) {
  // RFC 6749 section 2.3.1: "a b:c" and "p%/+~" become "a+b%3Ac" and "p%25%2F%2B%7E".
  const EncodedRequest request =
      EncodeTokenRequest(Code(), "a b:c", ClientSecretBasic{Secret("p%/+~")});
  EXPECT_EQ(Header(request, "Authorization"), "Basic YStiJTNBYzpwJTI1JTJGJTJCJTdF");
}

TEST(TokenRequest, LeavesUnreservedCredentialsAsTheyAre) {
  // What two of three providers never decode must not change.
  const EncodedRequest request =
      EncodeTokenRequest(Code(), "a-b.c_d", ClientSecretBasic{Secret("x-y.z_0")});
  EXPECT_EQ(Header(request, "Authorization"), "Basic YS1iLmNfZDp4LXkuel8w");
}

TEST(TokenRequest, ReencodesWhatTheCallbackDecoded) {
  // cb-form-decoding
  const EncodedRequest request = EncodeTokenRequest(
      AuthorizationCode{.code = Secret("a+b/c=%& \xC3\xA4"), .redirect_uri = "x"}, "c",
      NoAuthentication{});
  EXPECT_THAT(std::string(request.body.Reveal()), HasSubstr("&code=a%2Bb%2Fc%3D%25%26+%C3%A4&"));
}

TEST(TokenRequest, Refreshes) {
  // RFC 6749 section 6
  EXPECT_EQ(EncodeTokenRequest(RefreshToken{.refresh_token = Secret("tGzv3JOkF0XG5Qx2TlKWIA")}, "c",
                               NoAuthentication{})
                .body.Reveal(),
            "grant_type=refresh_token&refresh_token=tGzv3JOkF0XG5Qx2TlKWIA&client_id=c");
  EXPECT_EQ(EncodeTokenRequest(RefreshToken{.refresh_token = Secret("r"),
                                            .scopes = {"b", "a"},
                                            .audience = "https://api",
                                            .resources = {"urn:1", "urn:2"}},
                               "c", NoAuthentication{})
                .body.Reveal(),
            "grant_type=refresh_token&refresh_token=r&scope=a+b&audience=https%3A%2F%2Fapi"
            "&resource=urn%3A1&resource=urn%3A2&client_id=c");
}

TEST(TokenRequest, AsksForClientCredentials) {
  // RFC 6749 section 4.4.2
  EXPECT_EQ(EncodeTokenRequest(ClientCredentials{.scopes = {"s"}, .audience = "a"}, "c",
                               ClientSecretPost{Secret("x")})
                .body.Reveal(),
            "grant_type=client_credentials&scope=s&audience=a&client_id=c&client_secret=x");
}

TEST(IntrospectionRequest, NamesTheToken) {
  // RFC 7662 section 2.1
  EXPECT_EQ(IntrospectionRequestForm(Secret("2YotnFZFEjr1zCsicMWpAA")).Finish().Reveal(),
            "token=2YotnFZFEjr1zCsicMWpAA&token_type_hint=access_token");
}

TEST(RevocationRequest, NamesTheToken) {
  // RFC 7009 section 2.1
  EXPECT_EQ(
      RevocationRequestForm(Secret("45ghiukldjahdnhzdauz"), "refresh_token").Finish().Reveal(),
      "token=45ghiukldjahdnhzdauz&token_type_hint=refresh_token");
}

}  // namespace
}  // namespace tokenbroker::oauth
