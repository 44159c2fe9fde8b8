#include "oauth/userinfo.h"

#include <cstdint>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

absl::StatusOr<Json> Parse(std::string_view body) {
  return ParseUserInfo({.status = 200, .content_type = "application/json", .body = body}, "alice",
                       kNow);
}

TEST(UserInfo, ComesBackUntouched) {
  // ui-happy, ui-scope-claims, ui-iss-claim-spoof, ui-email-syntax
  ASSERT_OK_AND_ASSIGN(
      const Json claims,
      Parse(R"({"sub":"alice","iss":"https://evil","email":"attacker@evil.com@company.com",
                "address":{"country":"AT"}})"));
  EXPECT_EQ(claims["email"], "attacker@evil.com@company.com");
  EXPECT_EQ(claims["iss"], "https://evil");
  EXPECT_EQ(claims["address"]["country"], "AT");
}

TEST(UserInfo, SpeaksOfTheGrantsSubject) {
  // OIDC Core 5.3.2
  struct {
    const char* name;
    const char* body;
    const char* check;
  } const rows[] = {
      {"another", R"({"sub":"alice1"})", "SUBJECT_MISMATCH"},
      {"case", R"({"sub":"Alice"})", "SUBJECT_MISMATCH"},
      {"ui-sub-missing", R"({"email":"alice@example.org"})", "CLAIM_MISSING"},
      {"ui-sub-ambiguous: array", R"({"sub":["alice","bob"]})", "CLAIM_MALFORMED"},
      {"ui-sub-ambiguous: twice", R"({"sub":"bob","sub":"alice"})", "JSON_MALFORMED"},
      {"ui-sub-ambiguous: twice, other order", R"({"sub":"alice","sub":"bob"})", "JSON_MALFORMED"},
      {"number", R"({"sub":7})", "CLAIM_MALFORMED"},
      {"NUL", "{\"sub\":\"alice\\u0000\"}", "CLAIM_MALFORMED"},
      {"ui-not-object: array", R"(["alice"])", "JSON_MALFORMED"},
      {"ui-not-object: string", R"("alice")", "JSON_MALFORMED"},
      {"empty", "", "JSON_MALFORMED"},
      {"JWT labelled as JSON", "eyJhbGciOiJub25lIn0.e30.", "JSON_MALFORMED"},
  };
  for (const auto& row : rows) {
    const auto claims = Parse(row.body);
    EXPECT_THAT(claims, FailsWith(Reason::kProviderResponseInvalid)) << row.name;
    EXPECT_EQ(MetadataOf(claims.status())["check"], row.check) << row.name;
  }
}

TEST(UserInfo, IsJson) {
  for (const char* type : {"", "text/html", "application/jwt"}) {
    const auto claims = ParseUserInfo(
        {.status = 200, .content_type = type, .body = R"({"sub":"alice"})"}, "alice", kNow);
    EXPECT_THAT(claims, FailsWith(Reason::kProviderResponseInvalid)) << type;
    EXPECT_EQ(MetadataOf(claims.status())["check"], "CONTENT_TYPE_UNSUPPORTED") << type;
  }
}

TEST(UserInfo, IsNotThereWithoutA200) {
  struct {
    const char* name;
    int status;
    const char* body;
    Reason reason;
    const char* error;
  } const rows[] = {
      {"token refused", 401, "", Reason::kProviderResponseInvalid, "invalid_token"},
      {"token refused, in the body", 401, R"({"error":"invalid_token"})",
       Reason::kProviderResponseInvalid, "invalid_token"},
      {"ui-dpop-nonce-on-bearer", 401, R"({"error":"use_dpop_nonce"})",
       Reason::kProviderResponseInvalid, "use_dpop_nonce"},
      {"forbidden", 403, "", Reason::kProviderDenied, ""},
      {"scope missing", 403, R"({"error":"insufficient_scope"})", Reason::kProviderDenied,
       "insufficient_scope"},
      {"limited", 429, "", Reason::kProviderRateLimited, ""},
      {"failing", 503, "", Reason::kProviderUnavailable, ""},
      {"ui-redirect", 302, "", Reason::kProviderResponseInvalid, ""},
      {"no content", 204, "", Reason::kProviderResponseInvalid, ""},
  };
  for (const auto& row : rows) {
    const auto claims = ParseUserInfo({.status = row.status, .body = row.body}, "alice", kNow);
    EXPECT_THAT(claims, FailsWith(row.reason)) << row.name;
    EXPECT_EQ(MetadataOf(claims.status())["error"], row.error) << row.name;
  }
}

TEST(UserInfo, IsNeverCheckedAgainstNothing) {
  EXPECT_THAT(ParseUserInfo(
                  {.status = 200, .content_type = "application/json", .body = R"({"sub":"alice"})"},
                  "", kNow),
              FailsWith(Reason::kProviderResponseInvalid));
}

TEST(UserInfoJwt, IsSentAsOne) {
  // ui-format-downgrade
  const auto read = [](std::string_view type, std::string_view body, int status = 200) {
    return ReadUserInfoJwt({.status = status, .content_type = type, .body = body}, kNow);
  };
  for (const char* type :
       {"application/jwt", "application/jwt; charset=utf-8", "Application/JWT"}) {
    EXPECT_EQ(read(type, "a.b.c")->Reveal(), "a.b.c") << type;
  }
  for (const char* type : {"application/json", "", "text/plain", "application/jwt2"}) {
    const auto refused = read(type, R"({"sub":"alice"})");
    EXPECT_THAT(refused, FailsWith(Reason::kProviderResponseInvalid)) << type;
    EXPECT_EQ(MetadataOf(refused.status())["check"], "CONTENT_TYPE_UNSUPPORTED") << type;
  }
  EXPECT_THAT(read("application/jwt", "a.b.c", 503), FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(MetadataOf(read("application/jwt", "", 401).status())["error"], "invalid_token");
}

TEST(UserInfoJwt, IsForThisClientAndSubject) {
  // ui-signed, ui-signed-bad
  constexpr std::int64_t now = 1767225600;
  const ExpectedUserInfo expected{
      .issuer = "https://op.example", .client_id = "client", .subject = "alice"};
  const Json good = {{"iss", "https://op.example"}, {"aud", "client"}, {"sub", "alice"}};
  struct {
    const char* name;
    const char* claim;
    std::optional<Json> value;  // none: the claim is missing
    std::optional<Reason> reason;
  } const rows[] = {
      {"all is well", "email", "alice@example.org", std::nullopt},
      {"iss missing", "iss", std::nullopt, Reason::kClaimMissing},
      {"iss of another", "iss", "https://op.example/", Reason::kIssuerMismatch},
      {"aud missing", "aud", std::nullopt, Reason::kClaimMissing},
      {"aud of another", "aud", "client1", Reason::kAudienceMismatch},
      {"aud of nobody", "aud", Json::array(), Reason::kAudienceMismatch},
      {"aud of ours too", "aud", Json::array({"other", "client"}), std::nullopt},
      {"sub missing", "sub", std::nullopt, Reason::kClaimMissing},
      {"sub of another", "sub", "mallory", Reason::kSubjectMismatch},
      {"expired", "exp", now - 60, Reason::kTokenExpired},
      {"expired within the leeway", "exp", now - 59, std::nullopt},
      {"not yet valid", "nbf", now + 61, Reason::kTokenNotYetValid},
      {"of the future", "iat", now + 61, Reason::kIssuedInFuture},
      {"exp as text", "exp", "never", Reason::kClaimMalformed},
  };
  for (const auto& row : rows) {
    Json claims = good;
    if (row.value) {
      claims[row.claim] = *row.value;
    } else {
      claims.erase(row.claim);
    }
    const absl::Status status = CheckSignedUserInfo(claims, expected, kNow);
    if (row.reason) {
      EXPECT_THAT(status, FailsWith(*row.reason)) << row.name;
    } else {
      EXPECT_OK(status) << row.name;
    }
  }
}

}  // namespace
}  // namespace tokenbroker::oauth
