#include "oauth/token_exchange.h"

#include <string>
#include <utility>

#include "gmock/gmock.h"
#include "oauth/token_request.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);
constexpr char kJwtType[] = "urn:ietf:params:oauth:token-type:jwt";

absl::StatusOr<TokenResponse> Parse(std::string_view body, std::string_view requested = "",
                                    int status = 200) {
  return ParseTokenExchangeResponse(
      {.status = status, .content_type = "application/json", .body = body}, {}, requested, kNow);
}

std::string Form(TokenExchange exchange) {
  return std::string(TokenRequestForm(std::move(exchange)).Finish().Reveal());
}

void ExpectInvalid(const absl::StatusOr<TokenResponse>& response, std::string_view check) {
  EXPECT_THAT(response, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_EQ(MetadataOf(response.status())["check"], check);
}

TEST(TokenExchangeRequest, HasWhatIsAskedFor) {
  // RFC 8693 section 2.1
  EXPECT_EQ(Form(TokenExchange{.subject_token = Secret("s.t"),
                               .subject_token_type = "urn:s",
                               .actor_token = Secret("a.t"),
                               .actor_token_type = "urn:a",
                               .requested_token_type = "urn:r",
                               .scopes = {"b", "a"},
                               .audience = "https://api",
                               .resources = {"urn:1", "urn:2"}}),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
            "&subject_token=s.t&subject_token_type=urn%3As&actor_token=a.t"
            "&actor_token_type=urn%3Aa&requested_token_type=urn%3Ar&scope=a+b"
            "&audience=https%3A%2F%2Fapi&resource=urn%3A1&resource=urn%3A2");
}

TEST(TokenExchangeRequest, LeavesOutWhatIsNot) {
  EXPECT_EQ(Form(TokenExchange{.subject_token = Secret("s"), .subject_token_type = "urn:s"}),
            "grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange"
            "&subject_token=s&subject_token_type=urn%3As");
}

TEST(TokenExchangeResponse, IsReadWithItsType) {
  // RFC 8693 section 2.3
  ASSERT_OK_AND_ASSIGN(
      const TokenResponse response,
      Parse(R"({"access_token":"t","token_type":"bearer","expires_in":60,"scope":"a",
                "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"})",
            kAccessTokenType));
  EXPECT_EQ(response.access_token.Reveal(), "t");
  EXPECT_EQ(response.token_type, "Bearer");
  EXPECT_EQ(response.issued_token_type, kAccessTokenType);
  EXPECT_EQ(response.lifetime, absl::Seconds(60));
  EXPECT_EQ(response.scopes, Scopes{"a"});
}

TEST(TokenExchangeResponse, MayHoldWhatIsNoAccessToken) {
  ASSERT_OK_AND_ASSIGN(const TokenResponse response,
                       Parse(R"({"access_token":"t","token_type":"n_a",
                "issued_token_type":"urn:ietf:params:oauth:token-type:jwt"})",
                             kJwtType));
  EXPECT_EQ(response.token_type, "N_A");
}

TEST(TokenExchangeResponse, HasATypeThatWasAskedFor) {
  ExpectInvalid(Parse(R"({"access_token":"t","token_type":"Bearer"})"), "MEMBER_MISSING");
  for (const char* type : {R"("")", "7", "null", R"("jwt")"}) {
    ExpectInvalid(Parse(R"({"access_token":"t","token_type":"Bearer","issued_token_type":)" +
                        std::string(type) + "}"),
                  "MEMBER_MALFORMED");
  }
  const std::string jwt = R"({"access_token":"t","token_type":"Bearer",
      "issued_token_type":"urn:ietf:params:oauth:token-type:jwt"})";
  EXPECT_OK(Parse(jwt));
  EXPECT_OK(Parse(jwt, kJwtType));
  ExpectInvalid(Parse(jwt, kAccessTokenType), "ISSUED_TOKEN_TYPE_UNEXPECTED");
  ExpectInvalid(Parse(R"({"access_token":"t","token_type":"N_A",
      "issued_token_type":"urn:ietf:params:oauth:token-type:refresh_token"})"),
                "ISSUED_TOKEN_TYPE_UNEXPECTED");
}

TEST(TokenExchangeResponse, HasATokenTypeByWhichItCanBeUsed) {
  ExpectInvalid(Parse(R"({"access_token":"t",
      "issued_token_type":"urn:ietf:params:oauth:token-type:jwt"})"),
                "MEMBER_MISSING");
  ExpectInvalid(Parse(R"({"access_token":"t","token_type":"mac",
      "issued_token_type":"urn:ietf:params:oauth:token-type:jwt"})"),
                "TOKEN_TYPE_UNSUPPORTED");
  ExpectInvalid(Parse(R"({"access_token":"t","token_type":"N_A",
      "issued_token_type":"urn:ietf:params:oauth:token-type:access_token"})"),
                "TOKEN_TYPE_UNSUPPORTED");
}

TEST(TokenExchangeResponse, SaysWhyThereIsNone) {
  struct {
    int status;
    const char* body;
    Reason reason;
  } const rows[] = {
      {400, R"({"error":"invalid_request"})", Reason::kProviderDenied},
      {400, R"({"error":"invalid_grant"})", Reason::kProviderDenied},
      {400, R"({"error":"invalid_target"})", Reason::kProviderDenied},
      {400, R"({"error":"invalid_scope"})", Reason::kProviderDenied},
      {401, R"({"error":"invalid_client"})", Reason::kProviderRejectedClient},
      {400, R"({"error":"unauthorized_client"})", Reason::kProviderRejectedClient},
      {400, R"({"error":"unsupported_grant_type"})", Reason::kOperationNotSupported},
      {429, R"({"error":"invalid_request"})", Reason::kProviderRateLimited},
      {503, R"({"error":"invalid_grant"})", Reason::kProviderUnavailable},
      {302, "", Reason::kProviderResponseInvalid},
      {400, "<html>", Reason::kProviderResponseInvalid},
  };
  for (const auto& row : rows) {
    EXPECT_THAT(Parse(row.body, "", row.status), FailsWith(row.reason)) << row.body;
  }
  EXPECT_EQ(MetadataOf(Parse(R"({"error":"invalid_grant"})", "", 400).status())["error"],
            "invalid_grant");
}

}  // namespace
}  // namespace tokenbroker::oauth
