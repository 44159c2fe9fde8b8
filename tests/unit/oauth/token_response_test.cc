#include "oauth/token_response.h"

#include <optional>
#include <string>

#include "base/base64url.h"
#include "base/json.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::Eq;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using ::testing::Optional;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

absl::StatusOr<TokenResponse> Parse(std::string_view body, const TokenResponseRules& rules = {}) {
  return ParseTokenResponse({.status = 200, .content_type = "application/json", .body = body},
                            rules, kNow);
}

// A good answer with more members, given as JSON text.
absl::StatusOr<TokenResponse> ParseWith(std::string_view members) {
  return Parse(R"({"access_token":"a","token_type":"Bearer",)" + std::string(members) + "}");
}

void ExpectInvalid(const absl::StatusOr<TokenResponse>& response, std::string_view check,
                   std::string_view member = "") {
  EXPECT_THAT(response, FailsWith(Reason::kProviderResponseInvalid));
  ErrorMetadata metadata = MetadataOf(response.status());
  EXPECT_EQ(metadata["check"], check);
  EXPECT_EQ(metadata["member"], member);
}

TEST(TokenResponse, IsReadWithEveryMember) {
  // RFC 6749 section 5.1
  ASSERT_OK_AND_ASSIGN(
      const TokenResponse response,
      Parse(R"({"access_token":"2YotnFZFEjr1zCsicMWpAA","token_type":"bearer","expires_in":3600,
                "refresh_token":"tGzv3JOkF0XG5Qx2TlKWIA","id_token":"a.b.c",
                "scope":"openid email","example_parameter":"example_value"})"));
  EXPECT_EQ(response.access_token.Reveal(), "2YotnFZFEjr1zCsicMWpAA");
  EXPECT_EQ(response.token_type, "Bearer");
  EXPECT_THAT(response.lifetime, Optional(Eq(absl::Hours(1))));
  ASSERT_TRUE(response.refresh_token);
  EXPECT_EQ(response.refresh_token->Reveal(), "tGzv3JOkF0XG5Qx2TlKWIA");
  ASSERT_TRUE(response.id_token);
  EXPECT_EQ(response.id_token->Reveal(), "a.b.c");
  EXPECT_THAT(response.scopes, Optional(Eq(Scopes{"openid", "email"})));
}

TEST(TokenResponse, NeedsTokenAndTypeAlone) {
  // tok-expires-missing, tok-scope-missing
  ASSERT_OK_AND_ASSIGN(const TokenResponse response,
                       Parse(R"({"access_token":"a","token_type":"Bearer"})"));
  EXPECT_FALSE(response.lifetime);
  EXPECT_FALSE(response.refresh_token);
  EXPECT_FALSE(response.id_token);
  EXPECT_FALSE(response.scopes);
}

TEST(TokenResponse, HasALifetimeOnlyWhereItMakesSense) {
  // tok-expires-weird
  struct {
    const char* expires_in;
    std::optional<absl::Duration> lifetime;
  } const rows[] = {
      {"3600", absl::Hours(1)},
      {"\"3600\"", absl::Hours(1)},
      {"\"0\"", absl::ZeroDuration()},
      {"1.5", absl::Seconds(1)},
      {"0.9", absl::ZeroDuration()},
      {"3.6e3", absl::Hours(1)},
      {"0", absl::ZeroDuration()},
      {"-0.0", absl::ZeroDuration()},
      {"-1", absl::ZeroDuration()},
      {"-1e308", absl::ZeroDuration()},
      {"-9223372036854775808", absl::ZeroDuration()},
      {"315360000", absl::Hours(24 * 3650)},
      {"1e308", std::nullopt},
      {"9223372036854775807", std::nullopt},
      {"9223372036854775808", std::nullopt},
      {"18446744073709551616", std::nullopt},
      {"\"99999999999999999999\"", std::nullopt},
      {"9999999999", std::nullopt},
      {"\"9999999999\"", std::nullopt},
      {"null", std::nullopt},
      {"true", std::nullopt},
      {"\"abc\"", std::nullopt},
      {"\"\"", std::nullopt},
      {"\"-1\"", std::nullopt},
      {"\" 3600\"", std::nullopt},
      {"[3600]", std::nullopt},
      {"{}", std::nullopt},
  };
  for (const auto& row : rows) {
    const auto response = ParseWith("\"expires_in\":" + std::string(row.expires_in));
    ASSERT_THAT(response, IsOk()) << row.expires_in;
    EXPECT_EQ(response->lifetime, row.lifetime) << row.expires_in;
  }
}

TEST(ExpiresIn, IsReadFromTheFrontChannelAlike) {
  // cb-front-expires-in
  EXPECT_THAT(ReadExpiresIn("3600"), Optional(Eq(absl::Hours(1))));
  for (const char* text : {"", "abc", "-1", "3600 ", "1.5", "0x10", "99999999999999999999"}) {
    EXPECT_FALSE(ReadExpiresIn(text)) << text;
  }
}

TEST(TokenResponse, TakesOnlyBearerTokens) {
  EXPECT_THAT(Parse(R"({"access_token":"a","token_type":"bEARER"})"), IsOk());  // tok-type-case
  // tok-type-dpop-unexpected
  ExpectInvalid(Parse(R"({"access_token":"a","token_type":"DPoP"})"), "TOKEN_TYPE_UNSUPPORTED");
  ExpectInvalid(Parse(R"({"access_token":"a","token_type":""})"), "TOKEN_TYPE_UNSUPPORTED");
  ExpectInvalid(Parse(R"({"access_token":"a","token_type":7})"), "MEMBER_MALFORMED", "token_type");
  ExpectInvalid(Parse(R"({"access_token":"a"})"), "MEMBER_MISSING", "token_type");
}

// RFC 9449 section 5: a token that is bound to no key must not pass for one that is.
TEST(TokenResponse, TakesOnlyBoundTokensWhereTheyWereAskedFor) {
  const auto parse = [](std::string_view body, const TokenResponseRules& rules = {}) {
    return ParseTokenResponse({.status = 200, .content_type = "application/json", .body = body},
                              rules, kNow, TokenType::kDpop);
  };
  for (const char* type : {"DPoP", "dpop", "DPOP"}) {
    const std::string body = R"({"access_token":"a","token_type":")" + std::string(type) + "\"}";
    ASSERT_OK_AND_ASSIGN(const TokenResponse response, parse(body));
    EXPECT_EQ(response.token_type, "DPoP");
  }
  // tok-type-dpop-downgrade
  ExpectInvalid(parse(R"({"access_token":"a","token_type":"Bearer"})"), "TOKEN_TYPE_UNSUPPORTED");
  ExpectInvalid(parse(R"({"access_token":"a","token_type":"mac"})"), "TOKEN_TYPE_UNSUPPORTED");
  ExpectInvalid(parse(R"({"access_token":"a"})"), "MEMBER_MISSING", "token_type");
  ExpectInvalid(parse(R"({"access_token":"a"})", {.allow_missing_token_type = true}),
                "MEMBER_MISSING", "token_type");
}

TEST(TokenResponse, MayLackItsTypeWhereTheProviderNeedsIt) {
  ASSERT_OK_AND_ASSIGN(const TokenResponse response,
                       Parse(R"({"access_token":"a"})", {.allow_missing_token_type = true}));
  EXPECT_EQ(response.token_type, "Bearer");
}

TEST(TokenResponse, HasAnAccessTokenThatCanBeSent) {
  // RFC 6749 appendix A.12
  ExpectInvalid(Parse(R"({"token_type":"Bearer"})"), "MEMBER_MISSING", "access_token");
  for (const char* token : {"null", "\"\"", "7", "{}", "[\"a\"]", "\"a\\n\"", "\"a\\u0000b\"",
                            "\"\\u00e4\"", "\"a\\u007f\"", "\"a\\r\\nX: y\""}) {
    ExpectInvalid(Parse(R"({"token_type":"Bearer","access_token":)" + std::string(token) + "}"),
                  "MEMBER_MALFORMED", "access_token");
  }
}

TEST(TokenResponse, MayHaveLargeTokens) {
  // Tokens of 16 KiB and more are normal; tok-oversize
  const auto of_size = [](std::size_t size) {
    return Parse(R"({"token_type":"Bearer","access_token":")" + std::string(size, 'a') + "\"}");
  };
  EXPECT_THAT(of_size(64 << 10), IsOk());
  EXPECT_THAT(of_size(1 << 20), IsOk());
  ExpectInvalid(of_size(2 << 20), "MEMBER_MALFORMED", "access_token");
  ExpectInvalid(of_size(50 << 20), "JSON_MALFORMED");
}

TEST(TokenResponse, TakesNoRefreshTokenForNone) {
  // tok-refresh-type
  for (const char* none : {"null", "\"\""}) {
    ASSERT_OK_AND_ASSIGN(const TokenResponse response,
                         ParseWith("\"refresh_token\":" + std::string(none)));
    EXPECT_FALSE(response.refresh_token) << none;
  }
  for (const char* other : {"7", "{}", "[]", "false", "\"\\n\""}) {
    ExpectInvalid(ParseWith("\"refresh_token\":" + std::string(other)), "MEMBER_MALFORMED",
                  "refresh_token");
  }
}

TEST(TokenResponse, HasAnIdTokenOrNoMemberOfThatName) {
  // tok-idtoken-type
  for (const char* other : {"null", "{}", "7", "\"\"", "[\"a.b.c\"]"}) {
    ExpectInvalid(ParseWith("\"id_token\":" + std::string(other)), "MEMBER_MALFORMED", "id_token");
  }
}

TEST(TokenResponse, TellsWhatWasGranted) {
  struct {
    const char* scope;
    Scopes scopes;
  } const rows[] = {
      {"\"\"", {}},  // tok-scope-empty: nothing, not everything
      {"\" \"", {}},
      {"\"openid\"", {"openid"}},  // tok-scope-narrowed
      {"\"a b\"", {"a", "b"}},
      {"\" a  b \"", {"a", "b"}},
      {"\"repo,gist\"", {"repo,gist"}},
  };
  for (const auto& row : rows) {
    const auto response = ParseWith("\"scope\":" + std::string(row.scope));
    ASSERT_THAT(response, IsOk()) << row.scope;
    EXPECT_THAT(response->scopes, Optional(Eq(row.scopes))) << row.scope;
  }
  for (const char* other : {"null", "7", "[\"a\"]", "\"a\\tb\"", "\"\\u00e4\"", "\"a\\\"b\""}) {
    ExpectInvalid(ParseWith("\"scope\":" + std::string(other)), "MEMBER_MALFORMED", "scope");
  }
}

TEST(TokenResponse, IsOneStrictJsonObject) {
  // tok-json-broken, tok-duplicate-members
  for (const char* body :
       {"", "{", R"({"access_token":"a","token_type":"Bearer")", "[]", "null", "\"a\"",
        R"({"access_token":"a","token_type":"Bearer"}x)",
        R"({"access_token":"a","token_type":"Bearer"}{})",
        "\xEF\xBB\xBF{\"access_token\":\"a\",\"token_type\":\"Bearer\"}",
        R"({"access_token":"a","token_type":"Bearer","expires_in":NaN})",
        R"({"access_token":"a","access_token":"b","token_type":"Bearer"})",
        R"({"access_token":"a","token_type":"Bearer","id_token":"a.b.c","id_token":"a.b.c"})",
        "access_token=a&token_type=Bearer"}) {
    ExpectInvalid(Parse(body), "JSON_MALFORMED");
  }
}

TEST(TokenResponse, IsNoErrorAtOnce) {
  // tok-error-and-token
  const auto both = ParseWith(R"("error":"invalid_grant")");
  ExpectInvalid(both, "ERROR_IN_SUCCESS");
  EXPECT_EQ(MetadataOf(both.status())["error"], "invalid_grant");
  ExpectInvalid(Parse(R"({"error":"bad_verification_code"})"), "ERROR_IN_SUCCESS");
  ExpectInvalid(ParseWith(R"("error":null)"), "ERROR_IN_SUCCESS");
}

TEST(TokenResponse, IsJsonByItsContentType) {
  constexpr std::string_view kBody = R"({"access_token":"a","token_type":"Bearer"})";
  for (const char* type :
       {"application/json", "application/json;charset=UTF-8", "Application/JSON ; charset=utf-8"}) {
    EXPECT_THAT(ParseTokenResponse({.status = 200, .content_type = type, .body = kBody}, {}, kNow),
                IsOk())
        << type;
  }
  for (const char* type : {"", "text/html", "text/json", "application/jsonp", "json",
                           "application/x-www-form-urlencoded", "application/jwt"}) {
    const HttpAnswer answer{.status = 200, .content_type = type, .body = kBody};
    ExpectInvalid(ParseTokenResponse(answer, {}, kNow), "CONTENT_TYPE_UNSUPPORTED");
    EXPECT_THAT(ParseTokenResponse(answer, {.allow_other_content_types = true}, kNow), IsOk());
  }
}

TEST(TokenResponse, ComesWith200Alone) {
  // tok-status-odd
  for (const int status : {100, 201, 202, 204, 206, 301, 302, 304, 307}) {
    const auto response =
        ParseTokenResponse({.status = status,
                            .content_type = "application/json",
                            .body = R"({"access_token":"a","token_type":"Bearer"})"},
                           {}, kNow);
    ExpectInvalid(response, "STATUS_UNEXPECTED");
    EXPECT_EQ(MetadataOf(response.status())["status"], std::to_string(status));
  }
}

TEST(TokenResponse, LeavesItsTokensOutOfErrors) {
  const auto response = Parse(R"({"access_token":"hunter2","token_type":"x-hunter2"})");
  EXPECT_THAT(response.status().ToString(), Not(HasSubstr("hunter2")));
}

std::string JwtWith(std::string_view claims) {
  return "eyJhbGciOiJub25lIn0." + Base64UrlEncode(claims) + ".c2ln";
}

TEST(PeekExpiry, ReadsJwtsAndNothingElse) {
  EXPECT_THAT(PeekExpiry(Secret(JwtWith(R"({"exp":1767229200})"))),
              Optional(Eq(kNow + absl::Hours(1))));
  EXPECT_THAT(PeekExpiry(Secret(JwtWith(R"({"exp":1767229200.9})"))),
              Optional(Eq(kNow + absl::Hours(1))));
  for (const std::string& token :
       {std::string(), std::string("opaque"), std::string("a.b"), std::string("a.b.c"),
        std::string("a.b.c.d.e"), std::string(".."), JwtWith("{}"), JwtWith("[]"),
        JwtWith(R"({"exp":"1767229200"})"), JwtWith(R"({"exp":0})"), JwtWith(R"({"exp":-1})"),
        JwtWith(R"({"exp":1e300})"), JwtWith(R"({"exp":9223372036854775807})"),
        JwtWith(R"({"exp":1767229200000})"), JwtWith(R"({"exp":null})"),
        JwtWith(R"({"exp":1,"exp":2})")}) {
    EXPECT_FALSE(PeekExpiry(Secret(token))) << token;
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
