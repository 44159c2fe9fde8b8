#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "oauth/id_token.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using testing::IsOk;

constexpr std::int64_t kNow = 1767225600;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kSignIn = kNow - 7200;

Json GoodClaims() {
  return {{"iss", "https://op.example"}, {"sub", "alice"},      {"aud", "client"},
          {"exp", kNow + 300},           {"iat", kNow - 5},     {"azp", "client"},
          {"auth_time", kSignIn - 10},   {"sid", "the session"}};
}

struct Row {
  const char* name;
  const char* claim;
  std::optional<Json> value;
  std::optional<Reason> reason;
};

class RefreshedIdToken : public ::testing::Test {
 protected:
  absl::StatusOr<IdTokenFacts> Validate(const Json& claims) const {
    return ValidateRefreshedIdToken(claims, original_, rules_, absl::FromUnixSeconds(kNow));
  }

  void Run(const std::vector<Row>& rows) const {
    for (const Row& row : rows) {
      Json claims = GoodClaims();
      if (row.value) {
        claims[row.claim] = *row.value;
      } else {
        claims.erase(row.claim);
      }
      if (row.reason) {
        EXPECT_THAT(Validate(claims), FailsWith(*row.reason)) << row.name;
      } else {
        EXPECT_THAT(Validate(claims), IsOk()) << row.name;
      }
    }
  }

  IdTokenFacts original_{.issuer = "https://op.example",
                         .subject = "alice",
                         .audience = {"client"},
                         .authorized_party = "client",
                         .auth_time = absl::FromUnixSeconds(kSignIn - 10),
                         .session_id = "the session",
                         .issued_at = absl::FromUnixSeconds(kSignIn)};
  const Secret nonce_{"nonce"};
  RefreshedIdTokenRules rules_{.client_id = "client"};
};

TEST_F(RefreshedIdToken, SharesWhatOidcCore122AsksFor) {
  ASSERT_OK_AND_ASSIGN(const IdTokenFacts facts, Validate(GoodClaims()));
  EXPECT_EQ(facts.subject, "alice");
  EXPECT_EQ(facts.issued_at, absl::FromUnixSeconds(kNow - 5));
  Run({
      {"ref-idtoken-iss-changed", "iss", "https://op.example1", Reason::kIssuerMismatch},
      {"iss missing", "iss", std::nullopt, Reason::kClaimMissing},
      {"ref-idtoken-sub-changed", "sub", "alice1", Reason::kSubjectMismatch},
      {"sub missing", "sub", std::nullopt, Reason::kClaimMissing},
      {"sub a number", "sub", 7, Reason::kClaimMalformed},
      {"ref-idtoken-aud-changed", "aud", "other", Reason::kAudienceMismatch},
      {"aud with a stranger", "aud", Json::array({"client", "other"}), Reason::kAudienceMismatch},
      {"aud missing", "aud", std::nullopt, Reason::kClaimMissing},
      {"ref-idtoken-azp-changed", "azp", "other", Reason::kAzpMismatch},
      {"ref-idtoken-azp-changed: dropped", "azp", std::nullopt, Reason::kAzpMismatch},
      {"ref-idtoken-authtime-changed", "auth_time", kNow, Reason::kAuthTimeMismatch},
      {"auth_time not repeated", "auth_time", std::nullopt, std::nullopt},
      {"expired", "exp", kNow - 3600, Reason::kTokenExpired},
      {"exp missing", "exp", std::nullopt, Reason::kClaimMissing},
      {"iat missing", "iat", std::nullopt, Reason::kClaimMissing},
      {"iat in the future", "iat", kNow + 3600, Reason::kIssuedInFuture},
      {"iat before the original", "iat", kSignIn - 3600, Reason::kIssuedTooLongAgo},
      {"not valid yet", "nbf", kNow + 3600, Reason::kTokenNotYetValid},
      {"logout token", "events", Json::object(), Reason::kClaimMalformed},
      {"nonce that nobody remembers", "nonce", "any", std::nullopt},
  });
}

TEST_F(RefreshedIdToken, CoversTheOriginalAudience) {
  original_.audience = {"client", "other"};
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kAudienceMismatch));
}

TEST_F(RefreshedIdToken, HasNoAuthorizedPartyWhereTheOriginalHadNone) {
  original_.authorized_party.reset();
  Run({
      {"ref-idtoken-azp-changed: added", "azp", "client", Reason::kAzpMismatch},
      {"none", "azp", std::nullopt, std::nullopt},
  });
}

TEST_F(RefreshedIdToken, IsReadLooselyWhereTheProviderNeedsIt) {
  rules_.strict_authorized_party = false;
  rules_.strict_auth_time = false;
  Run({
      {"azp dropped", "azp", std::nullopt, std::nullopt},
      {"azp of another", "azp", "other", Reason::kAzpMismatch},
      {"auth_time of the refresh", "auth_time", kNow, std::nullopt},
  });
}

TEST_F(RefreshedIdToken, TellsNoLaterSignIn) {
  original_.auth_time.reset();
  Run({
      {"before the original token", "auth_time", kSignIn - 10, std::nullopt},
      {"after it", "auth_time", kNow, Reason::kAuthTimeMismatch},
  });
}

TEST_F(RefreshedIdToken, RepeatsTheNonceOrHasNone) {
  rules_.nonce = &nonce_;
  Run({
      {"none", "nonce", std::nullopt, std::nullopt},
      {"the same", "nonce", "nonce", std::nullopt},
      {"another", "nonce", "nonce1", Reason::kNonceMismatch},
      {"number", "nonce", 7, Reason::kClaimMalformed},
  });
}

TEST_F(RefreshedIdToken, IsNeverCheckedAgainstNothing) {
  original_.subject.clear();
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kInternal));
  original_.subject = "alice";
  rules_.client_id.clear();
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kInternal));
}

}  // namespace
}  // namespace tokenbroker::oauth
