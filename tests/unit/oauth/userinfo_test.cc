#include "oauth/userinfo.h"

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

}  // namespace
}  // namespace tokenbroker::oauth
