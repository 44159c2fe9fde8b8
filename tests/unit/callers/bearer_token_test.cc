#include "callers/bearer_token.h"

#include <string>

#include "base/base64url.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::callers {
namespace {

using testing::FailsWith;

constexpr char kIssuer[] = "https://kubernetes.default.svc";
const absl::Time kNow = absl::FromUnixSeconds(1767225600);

JwtIssuer Issuer() {
  return {.issuer = kIssuer, .audience = "token-broker", .algorithms = {}, .keys = nullptr};
}

Json GoodClaims() {
  return {{"iss", kIssuer},    {"aud", {"token-broker"}}, {"sub", "system:serviceaccount:shop:web"},
          {"iat", 1767225600}, {"nbf", 1767225600},       {"exp", 1767229200}};
}

TEST(BearerClaims, TellWhoAndUntilWhen) {
  ASSERT_OK_AND_ASSIGN(const BearerClaims claims,
                       ValidateBearerClaims(GoodClaims(), Issuer(), kNow));
  EXPECT_EQ(claims.subject.issuer, kIssuer);
  EXPECT_EQ(claims.subject.subject, "system:serviceaccount:shop:web");
  EXPECT_EQ(claims.expires_at, kNow + absl::Hours(1));
}

TEST(BearerClaims, MayHaveAnAudienceThatIsAString) {
  Json claims = GoodClaims();
  claims["aud"] = "token-broker";
  EXPECT_OK(ValidateBearerClaims(claims, Issuer(), kNow));
}

TEST(BearerClaims, AreRefusedWhereOneIsWrong) {
  struct Row {
    const char* claim;
    Json value;  // null: the claim is missing
    Reason reason;
  };
  const std::int64_t now = absl::ToUnixSeconds(kNow);
  for (const Row& row : {
           Row{"iss", nullptr, Reason::kClaimMissing},
           Row{"iss", "https://kubernetes.default.svc/", Reason::kIssuerMismatch},
           Row{"iss", 1, Reason::kClaimMalformed},
           Row{"aud", nullptr, Reason::kClaimMissing},
           Row{"aud", "other", Reason::kAudienceMismatch},
           Row{"aud", Json::array(), Reason::kAudienceMismatch},
           Row{"aud", {"other", "TOKEN-BROKER"}, Reason::kAudienceMismatch},
           Row{"aud", {"token-broker", 1}, Reason::kClaimMalformed},
           Row{"aud", 1, Reason::kClaimMalformed},
           Row{"sub", nullptr, Reason::kClaimMissing},
           Row{"sub", "", Reason::kClaimMalformed},
           Row{"exp", nullptr, Reason::kClaimMissing},
           Row{"exp", "1767229200", Reason::kClaimMalformed},
           Row{"exp", -1, Reason::kClaimMalformed},
           Row{"exp", 1e300, Reason::kClaimMalformed},
           Row{"exp", now - 60, Reason::kTokenExpired},
           Row{"nbf", now + 61, Reason::kTokenNotYetValid},
           Row{"nbf", "now", Reason::kClaimMalformed},
           Row{"iat", now + 61, Reason::kIssuedInFuture},
       }) {
    Json claims = GoodClaims();
    claims.erase(row.claim);
    if (!row.value.is_null()) claims[row.claim] = row.value;
    EXPECT_THAT(ValidateBearerClaims(claims, Issuer(), kNow), FailsWith(row.reason))
        << row.claim << " " << row.value;
  }
}

TEST(BearerClaims, TolerateClocksThatDiffer) {
  Json claims = GoodClaims();
  claims["exp"] = absl::ToUnixSeconds(kNow) - 59;
  claims["nbf"] = absl::ToUnixSeconds(kNow) + 60;
  claims["iat"] = absl::ToUnixSeconds(kNow) + 60;
  EXPECT_OK(ValidateBearerClaims(claims, Issuer(), kNow));
}

TEST(ParseBearer, TakesOneTokenOfTheSchemeAndNothingElse) {
  EXPECT_EQ(ParseBearer("Bearer a.b.c"), "a.b.c");
  EXPECT_EQ(ParseBearer("bearer a-_~+/="), "a-_~+/=");
  for (const char* text : {"", "Bearer", "Bearer ", "Bearer  a", "Bearer a b", "Bearer a\n",
                           "Basic YTpi", "Bearera", "a.b.c", "Bearer a,b", "Bearer \xc3\xa9"}) {
    EXPECT_EQ(ParseBearer(text), std::nullopt) << text;
  }
}

TEST(ParseUnverifiedIssuer, ReadsThePayload) {
  EXPECT_EQ(ParseUnverifiedIssuer("x." + Base64UrlEncode(R"({"iss":"i"})") + ".y"), "i");
  for (const std::string& token :
       {std::string("x"), std::string("x.y"), std::string("x.y.z"),
        "x." + Base64UrlEncode("[]") + ".y", "x." + Base64UrlEncode(R"({"iss":1})") + ".y",
        "x." + Base64UrlEncode(R"({"iss":"a","iss":"b"})") + ".y",
        "x." + Base64UrlEncode(R"({"iss":"i"})")}) {
    EXPECT_EQ(ParseUnverifiedIssuer(token), std::nullopt) << token;
  }
}

}  // namespace
}  // namespace tokenbroker::callers
