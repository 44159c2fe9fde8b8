#include "oauth/id_token.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;

constexpr std::int64_t kNow = 1767225600;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kSkew = 60;

Json GoodClaims() {
  return {{"iss", "https://op.example"}, {"sub", "alice"},  {"aud", "client"},
          {"exp", kNow + 300},           {"iat", kNow - 5}, {"nonce", "n-0S6_WzA2Mj"}};
}

// One change to the good claims: `value` in place of `claim`, or none of it.
struct Row {
  const char* name;
  const char* claim;
  std::optional<Json> value;
  std::optional<Reason> reason;  // none: accepted
};

class IdToken : public ::testing::Test {
 protected:
  absl::StatusOr<IdTokenFacts> Validate(const Json& claims) const {
    return ValidateIdToken(claims, expected_, absl::FromUnixSeconds(kNow));
  }

  void Run(const std::vector<Row>& rows) const {
    for (const Row& row : rows) {
      Json claims = GoodClaims();
      if (row.value) {
        claims[row.claim] = *row.value;
      } else {
        claims.erase(row.claim);
      }
      const auto facts = Validate(claims);
      if (!row.reason) {
        EXPECT_THAT(facts, IsOk()) << row.name;
        continue;
      }
      EXPECT_THAT(facts, FailsWith(*row.reason)) << row.name;
      if (row.reason == Reason::kClaimMissing || row.reason == Reason::kClaimMalformed) {
        EXPECT_EQ(MetadataOf(facts.status())["claim"], row.claim) << row.name;
      }
    }
  }

  const Secret nonce_{"n-0S6_WzA2Mj"};
  ExpectedIdToken expected_{
      .issuer = "https://op.example", .client_id = "client", .nonce = &nonce_};
};

std::string WithNul(std::string text) { return text + std::string("\0x", 2); }

TEST_F(IdToken, TellsWhatLaterChecksNeed) {
  Json claims = GoodClaims();
  claims["azp"] = "client";
  claims["auth_time"] = kNow - 10;
  claims["sid"] = "session";
  ASSERT_OK_AND_ASSIGN(const IdTokenFacts facts, Validate(claims));
  EXPECT_EQ(facts.issuer, "https://op.example");
  EXPECT_EQ(facts.subject, "alice");
  EXPECT_THAT(facts.audience, ElementsAre("client"));
  EXPECT_EQ(facts.authorized_party, "client");
  EXPECT_EQ(facts.auth_time, absl::FromUnixSeconds(kNow - 10));
  EXPECT_EQ(facts.session_id, "session");
  EXPECT_EQ(facts.issued_at, absl::FromUnixSeconds(kNow - 5));
}

TEST_F(IdToken, IsFromTheIssuerExactly) {
  // OIDC Core 3.1.3.7 item 2
  Run({
      {"idt-iss-wrong", "iss", "https://op.example1", Reason::kIssuerMismatch},
      {"idt-iss-missing", "iss", std::nullopt, Reason::kClaimMissing},
      {"idt-iss-type: empty", "iss", "", Reason::kClaimMalformed},
      {"idt-iss-type: null", "iss", nullptr, Reason::kClaimMalformed},
      {"idt-iss-type: number", "iss", 7, Reason::kClaimMalformed},
      {"idt-iss-type: array", "iss", Json::array({"https://op.example", "https://evil"}),
       Reason::kClaimMalformed},
      {"idt-iss-type: array of one", "iss", Json::array({"https://op.example"}),
       Reason::kClaimMalformed},
      {"idt-iss-type: object", "iss", Json::object(), Reason::kClaimMalformed},
      {"idt-iss-prefix-substring: prefix", "iss", "https://op.exampl", Reason::kIssuerMismatch},
      {"idt-iss-prefix-substring: suffix", "iss", "op.example", Reason::kIssuerMismatch},
      {"trailing slash", "iss", "https://op.example/", Reason::kIssuerMismatch},
      {"upper case", "iss", "https://OP.example", Reason::kIssuerMismatch},
      {"idt-iss-nul", "iss", WithNul("https://op.example"), Reason::kClaimMalformed},
      {"idt-iss-other-trusted-op", "iss", "https://other.example", Reason::kIssuerMismatch},
  });
}

TEST_F(IdToken, NamesASubject) {
  // OIDC Core 2
  Run({
      {"idt-sub-type: missing", "sub", std::nullopt, Reason::kClaimMissing},
      {"idt-sub-type: empty", "sub", "", Reason::kClaimMalformed},
      {"idt-sub-type: number", "sub", 7, Reason::kClaimMalformed},
      {"idt-sub-type: array", "sub", Json::array({"alice"}), Reason::kClaimMalformed},
      {"idt-sub-type: null", "sub", nullptr, Reason::kClaimMalformed},
      {"idt-iss-nul", "sub", WithNul("alice"), Reason::kClaimMalformed},
      {"255 characters", "sub", std::string(255, 's'), std::nullopt},
      {"256 characters", "sub", std::string(256, 's'), Reason::kClaimMalformed},
      {"Auth0's", "sub", "auth0|507f1f77bcf86cd799439020", std::nullopt},
  });
}

TEST_F(IdToken, IsForThisClientAlone) {
  // OIDC Core 3.1.3.7 item 3
  Run({
      {"array of one", "aud", Json::array({"client"}), std::nullopt},
      {"missing", "aud", std::nullopt, Reason::kClaimMissing},
      {"idt-aud-wrong", "aud", "client1", Reason::kAudienceMismatch},
      {"idt-aud-near-miss: case", "aud", "Client", Reason::kAudienceMismatch},
      {"idt-aud-near-miss: prefix", "aud", "clien", Reason::kAudienceMismatch},
      {"idt-aud-near-miss: space", "aud", "client ", Reason::kAudienceMismatch},
      {"idt-aud-near-miss: NUL", "aud", WithNul("client"), Reason::kClaimMalformed},
      {"idt-aud-multi-untrusted", "aud", Json::array({"client", "client1"}),
       Reason::kAudienceMismatch},
      {"without us", "aud", Json::array({"other", "another"}), Reason::kAudienceMismatch},
      {"empty array", "aud", Json::array(), Reason::kAudienceMismatch},
      {"empty string", "aud", "", Reason::kClaimMalformed},
      {"number", "aud", 7, Reason::kClaimMalformed},
      {"null", "aud", nullptr, Reason::kClaimMalformed},
      {"object", "aud", Json{{"client", true}}, Reason::kClaimMalformed},
      {"array with a number", "aud", Json::array({"client", 7}), Reason::kClaimMalformed},
      {"nested array", "aud", Json::array({"client", Json::array({"client"})}),
       Reason::kClaimMalformed},
      {"twice the same without azp", "aud", Json::array({"client", "client"}),
       Reason::kAzpMismatch},
  });
}

TEST_F(IdToken, DoesNotTrustAnotherAudienceForItsAzp) {
  Json claims = GoodClaims();
  claims["aud"] = {"client", "other"};
  claims["azp"] = "client";
  EXPECT_THAT(Validate(claims), FailsWith(Reason::kAudienceMismatch));
}

TEST_F(IdToken, HasNoOtherAuthorizedParty) {
  // OIDC Core 3.1.3.7 items 4 and 5
  Run({
      {"idt-azp-single-aud", "azp", "client", std::nullopt},
      {"another", "azp", "client1", Reason::kAzpMismatch},
      {"upper case", "azp", "Client", Reason::kAzpMismatch},
      {"empty", "azp", "", Reason::kClaimMalformed},
      {"null", "azp", nullptr, Reason::kClaimMalformed},
      {"array", "azp", Json::array({"client"}), Reason::kClaimMalformed},
      {"NUL", "azp", WithNul("client"), Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, HasNotExpired) {
  // OIDC Core 3.1.3.7 item 9
  Run({
      {"idt-exp-expired", "exp", kNow - 360, Reason::kTokenExpired},
      {"idt-exp-missing", "exp", std::nullopt, Reason::kClaimMissing},
      {"idt-exp-leeway: inside", "exp", kNow - (kSkew - 1), std::nullopt},
      {"idt-exp-leeway: boundary", "exp", kNow - kSkew, Reason::kTokenExpired},
      {"idt-exp-leeway: fraction inside", "exp", static_cast<double>(kNow - kSkew) + 0.5,
       std::nullopt},
      {"idt-exp-range: 1e300", "exp", 1e300, Reason::kClaimMalformed},
      {"idt-exp-range: 2^63", "exp", std::uint64_t{1} << 63, Reason::kClaimMalformed},
      {"idt-exp-range: 2^63-1", "exp", INT64_MAX, Reason::kClaimMalformed},
      {"idt-exp-range: -2^63", "exp", INT64_MIN, Reason::kClaimMalformed},
      {"idt-exp-range: 2^64-1", "exp", UINT64_MAX, Reason::kClaimMalformed},
      {"idt-exp-range: 2^64", "exp", 18446744073709551616.0, Reason::kClaimMalformed},
      {"idt-exp-range: -1", "exp", -1, Reason::kClaimMalformed},
      {"idt-exp-range: -1e300", "exp", -1e300, Reason::kClaimMalformed},
      {"idt-exp-range: 0", "exp", 0, Reason::kTokenExpired},
      {"idt-exp-range: milliseconds", "exp", (kNow + 300) * 1000, Reason::kClaimMalformed},
      {"51 years ahead", "exp", kNow + 51LL * 365 * 86400, Reason::kClaimMalformed},
      {"49 years ahead", "exp", kNow + 49LL * 365 * 86400, std::nullopt},
      {"idt-exp-fraction", "exp", static_cast<double>(kNow) + 300.5, std::nullopt},
      {"idt-exp-2038", "exp", std::int64_t{1} << 31, std::nullopt},
      {"string", "exp", std::to_string(kNow + 300), Reason::kClaimMalformed},
      {"null", "exp", nullptr, Reason::kClaimMalformed},
      {"true", "exp", true, Reason::kClaimMalformed},
      {"array", "exp", Json::array({kNow + 300}), Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, WasIssuedNow) {
  // OIDC Core 3.1.3.7 item 10
  Run({
      {"missing", "iat", std::nullopt, Reason::kClaimMissing},
      {"idt-iat-future", "iat", kNow + 3600, Reason::kIssuedInFuture},
      {"idt-iat-future: inside", "iat", kNow + kSkew - 1, std::nullopt},
      {"just beyond", "iat", kNow + kSkew + 1, Reason::kIssuedInFuture},
      {"idt-iat-week-old", "iat", kNow - 7 * 86400, Reason::kIssuedTooLongAgo},
      {"a day old", "iat", kNow - 86400, std::nullopt},
      {"0", "iat", 0, Reason::kIssuedTooLongAgo},
      {"milliseconds", "iat", kNow * 1000, Reason::kClaimMalformed},
      {"fraction", "iat", static_cast<double>(kNow) - 0.25, std::nullopt},
      {"string", "iat", "yesterday", Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, IsValidAlready) {
  // RFC 7519 section 4.1.5
  Run({
      {"idt-nbf-future", "nbf", kNow + 3600, Reason::kTokenNotYetValid},
      {"idt-nbf-future: inside", "nbf", kNow + kSkew - 1, std::nullopt},
      {"past", "nbf", kNow - 3600, std::nullopt},
      {"string", "nbf", "0", Reason::kClaimMalformed},
      {"null", "nbf", nullptr, Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, MayComeFromAClockThatIsALittleWrong) {
  // idt-op-clock-skew: lifetime of 30 s
  struct {
    std::int64_t shift;
    std::optional<Reason> reason;
  } const rows[] = {
      {kSkew - 1, std::nullopt},
      {-(kSkew - 1), std::nullopt},
      {kSkew + 60, Reason::kIssuedInFuture},
      {-(kSkew + 60), Reason::kTokenExpired},
  };
  for (const auto& row : rows) {
    Json claims = GoodClaims();
    claims["iat"] = claims["nbf"] = kNow + row.shift;
    claims["exp"] = kNow + row.shift + 30;
    if (row.reason) {
      EXPECT_THAT(Validate(claims), FailsWith(*row.reason)) << row.shift;
    } else {
      EXPECT_THAT(Validate(claims), IsOk()) << row.shift;
    }
  }
}

TEST_F(IdToken, AnswersThisRequest) {
  // OIDC Core 3.1.3.7 item 11; idt-nonce-compare
  Run({
      {"missing", "nonce", std::nullopt, Reason::kClaimMissing},
      {"idt-nonce-wrong", "nonce", "n-0S6_WzA2Mj1", Reason::kNonceMismatch},
      {"space", "nonce", "n-0S6_WzA2Mj ", Reason::kNonceMismatch},
      {"case", "nonce", "N-0S6_WzA2Mj", Reason::kNonceMismatch},
      {"NUL", "nonce", WithNul("n-0S6_WzA2Mj"), Reason::kNonceMismatch},
      {"empty", "nonce", "", Reason::kNonceMismatch},
      {"number", "nonce", 7, Reason::kClaimMalformed},
      {"null", "nonce", nullptr, Reason::kClaimMalformed},
      {"array", "nonce", Json::array({"n-0S6_WzA2Mj"}), Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, IsNeverCheckedAgainstNothing) {
  // idt-nonce-store-lost
  Json claims = GoodClaims();
  claims["nonce"] = "";
  const Secret lost;
  expected_.nonce = &lost;
  EXPECT_THAT(Validate(claims), FailsWith(Reason::kNonceMismatch));
  expected_.nonce = nullptr;
  claims.erase("nonce");
  EXPECT_THAT(Validate(claims), FailsWith(Reason::kNonceMismatch));
  expected_.nonce = &nonce_;
  expected_.issuer.clear();
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kInternal));
  expected_.issuer = "https://op.example";
  expected_.client_id.clear();
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kInternal));
}

TEST_F(IdToken, ComesFromASignInThatIsRecentEnough) {
  // OIDC Core 3.1.3.7 item 13
  expected_.max_age = absl::Minutes(10);
  Run({
      {"idt-authtime-missing", "auth_time", std::nullopt, Reason::kAuthTimeMissing},
      {"idt-authtime-old", "auth_time", kNow - 600 - kSkew - 1, Reason::kAuthTimeTooOld},
      {"boundary", "auth_time", kNow - 600 - kSkew, std::nullopt},
      {"now", "auth_time", kNow, std::nullopt},
      {"future", "auth_time", kNow + kSkew + 1, Reason::kClaimMalformed},
      {"string", "auth_time", std::to_string(kNow), Reason::kClaimMalformed},
      {"null", "auth_time", nullptr, Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, TakesZeroMaxAgeAtItsWord) {
  // idt-maxage-zero
  expected_.max_age = absl::ZeroDuration();
  Run({
      {"just now", "auth_time", kNow - 1, std::nullopt},
      {"before", "auth_time", kNow - 3600, Reason::kAuthTimeTooOld},
      {"missing", "auth_time", std::nullopt, Reason::kAuthTimeMissing},
  });
}

TEST_F(IdToken, MeetsTheEssentialAcr) {
  // OIDC Core 3.1.3.7 item 12, 5.5.1.1; idt-acr-unmet
  expected_.essential_acr_values = {"gold", "silver"};
  Run({
      {"one of them", "acr", "silver", std::nullopt},
      {"absent", "acr", std::nullopt, Reason::kAcrNotMet},
      {"lower", "acr", "bronze", Reason::kAcrNotMet},
      {"empty", "acr", "", Reason::kAcrNotMet},
      {"several in one", "acr", "gold silver", Reason::kAcrNotMet},
      {"array", "acr", Json::array({"gold"}), Reason::kClaimMalformed},
      {"number", "acr", 0, Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, IsForTheOrganizationAskedForById) {
  expected_.organization = "org_AbC";
  Run({
      {"the same", "org_id", "org_AbC", std::nullopt},
      {"another", "org_id", "org_AbD", Reason::kOrganizationMismatch},
      {"other case", "org_id", "org_abc", Reason::kOrganizationMismatch},
      {"missing", "org_id", std::nullopt, Reason::kOrganizationMismatch},
      {"only a name", "org_name", "org_AbC", Reason::kOrganizationMismatch},
      {"number", "org_id", 7, Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, IsForTheOrganizationAskedForByName) {
  expected_.organization = "Acme-Corp";
  Run({
      {"lower case", "org_name", "acme-corp", std::nullopt},
      {"another", "org_name", "acme-corp2", Reason::kOrganizationMismatch},
      {"missing", "org_name", std::nullopt, Reason::kOrganizationMismatch},
      {"as an id", "org_id", "Acme-Corp", Reason::kOrganizationMismatch},
      {"array", "org_name", Json::array({"acme-corp"}), Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, IsNoLogoutToken) {
  // Back-Channel Logout 1.0 section 4, RFC 8725 section 3.12; idt-logout-token-as-idtoken
  Run({
      {"logout event", "events",
       Json{{"http://schemas.openid.net/event/backchannel-logout", Json::object()}},
       Reason::kClaimMalformed},
      {"any event", "events", nullptr, Reason::kClaimMalformed},
  });
}

TEST_F(IdToken, MayHaveAnythingElseInIt) {
  // OIDC Core 2, "MUST be ignored"; idt-unknown-claims, idt-email-is-not-identity,
  // idt-claim-sources
  Json claims = GoodClaims();
  for (int i = 0; i < 200; ++i) claims["claim" + std::to_string(i)] = {{"nested", {1, "x"}}};
  claims["groups"] = std::vector<std::string>(1000, std::string(32, 'g'));
  claims["email"] = "victim@example.org";
  claims["_claim_sources"] = {{"src1", {{"endpoint", "http://169.254.169.254/"}}}};
  claims["acr"] = 7;  // not asked for, so not read
  EXPECT_THAT(Validate(claims), IsOk());
}

TEST_F(IdToken, KeepsItsValuesOutOfErrors) {
  for (const char* claim : {"iss", "sub", "aud", "nonce"}) {
    Json claims = GoodClaims();
    claims[claim] = Json::array({"hunter2"});
    const auto facts = Validate(claims);
    EXPECT_THAT(facts.status().ToString(), ::testing::Not(::testing::HasSubstr("hunter2")));
  }
}

TEST(SameEndUser, HasSameIssuerAndSubject) {
  // OIDC Core 3.3.3.6; idt-hybrid-sub-mismatch, idt-hybrid-iss-mismatch
  const IdTokenFacts front{.issuer = "https://a", .subject = "s"};
  EXPECT_THAT(CheckSameEndUser(front, front), IsOk());
  EXPECT_THAT(CheckSameEndUser(front, {.issuer = "https://a", .subject = "S"}),
              FailsWith(Reason::kSubjectMismatch));
  EXPECT_THAT(CheckSameEndUser(front, {.issuer = "https://b", .subject = "s"}),
              FailsWith(Reason::kIssuerMismatch));
}

}  // namespace
}  // namespace tokenbroker::oauth
