#include "oauth/logout_token.h"

#include <cstdint>
#include <optional>
#include <string>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using testing::FailsWith;
using testing::IsOk;

constexpr std::int64_t kNow = 1767225600;  // 2026-01-01T00:00:00Z
constexpr std::int64_t kSkew = 60;
constexpr std::int64_t kDay = 24 * 3600;
constexpr char kEvent[] = "http://schemas.openid.net/event/backchannel-logout";

Json GoodClaims() {
  return {{"iss", "https://op.example"},
          {"sub", "alice"},
          {"aud", "client"},
          {"iat", kNow - 5},
          {"jti", "jti-1"},
          {"exp", kNow + 120},
          {"sid", "session-1"},
          {"events", {{kEvent, Json::object()}}}};
}

class LogoutTokenClaims : public ::testing::Test {
 protected:
  absl::StatusOr<LogoutToken> Validate(const Json& claims, std::int64_t now = kNow) const {
    return ValidateLogoutToken(claims, expected_, absl::FromUnixSeconds(now));
  }

  ExpectedLogoutToken expected_{.issuer = "https://op.example", .client_id = "client"};
};

TEST_F(LogoutTokenClaims, SayWhoIsSignedOut) {
  ASSERT_OK_AND_ASSIGN(const LogoutToken token, Validate(GoodClaims()));
  EXPECT_EQ(token.subject, "alice");
  EXPECT_EQ(token.session_id, "session-1");
  EXPECT_EQ(token.token_id, "jti-1");
}

TEST_F(LogoutTokenClaims, MayNameTheSessionOrTheSubjectAlone) {
  // Back-Channel Logout 2.4: sub, sid or both
  Json claims = GoodClaims();
  claims.erase("sub");
  ASSERT_OK_AND_ASSIGN(const LogoutToken of_session, Validate(claims));
  EXPECT_EQ(of_session.subject, std::nullopt);
  claims = GoodClaims();
  claims.erase("sid");
  ASSERT_OK_AND_ASSIGN(const LogoutToken of_subject, Validate(claims));
  EXPECT_EQ(of_subject.session_id, std::nullopt);
}

TEST_F(LogoutTokenClaims, AreCheckedOneByOne) {
  struct {
    const char* name;
    const char* claim;
    std::optional<Json> value;  // none: the claim is missing
    std::optional<Reason> reason;
  } const rows[] = {
      {"bcl-wrong-iss", "iss", "https://op.example1", Reason::kIssuerMismatch},
      {"iss missing", "iss", std::nullopt, Reason::kClaimMissing},
      {"bcl-wrong-aud", "aud", "client1", Reason::kAudienceMismatch},
      {"aud missing", "aud", std::nullopt, Reason::kClaimMissing},
      {"aud of one", "aud", Json::array({"client"}), std::nullopt},
      {"aud of none", "aud", Json::array(), Reason::kAudienceMismatch},
      {"aud of others too", "aud", Json::array({"client", "other"}), Reason::kAudienceMismatch},
      {"bcl-no-event", "events", std::nullopt, Reason::kClaimMissing},
      {"events empty", "events", Json::object(), Reason::kClaimMalformed},
      {"events text", "events", kEvent, Reason::kClaimMalformed},
      {"events array", "events", Json::array({kEvent}), Reason::kClaimMalformed},
      {"bcl-wrong-event: another", "events",
       Json{{"http://schemas.openid.net/event/foobar", Json::object()}}, Reason::kClaimMalformed},
      {"bcl-wrong-event: value", "events", Json{{kEvent, true}}, Reason::kClaimMalformed},
      {"bcl-wrong-event: null", "events", Json{{kEvent, nullptr}}, Reason::kClaimMalformed},
      {"one event more", "events",
       Json{{kEvent, Json::object()}, {"https://op.example/more", Json::object()}}, std::nullopt},
      {"bcl-with-nonce", "nonce", "n", Reason::kClaimMalformed},
      {"bcl-with-nonce: null", "nonce", nullptr, Reason::kClaimMalformed},
      {"bcl-missing-iat-jti: iat", "iat", std::nullopt, Reason::kClaimMissing},
      {"bcl-missing-iat-jti: future", "iat", kNow + kSkew + 1, Reason::kIssuedInFuture},
      {"iat inside the leeway", "iat", kNow + kSkew, std::nullopt},
      {"bcl-missing-iat-jti: old", "iat", kNow - kDay - kSkew, Reason::kIssuedTooLongAgo},
      {"iat of just a day", "iat", kNow - kDay - kSkew + 1, std::nullopt},
      {"bcl-missing-iat-jti: expired", "exp", kNow - kSkew, Reason::kTokenExpired},
      {"exp inside the leeway", "exp", kNow - kSkew + 1, std::nullopt},
      {"bcl-exp-missing", "exp", std::nullopt, Reason::kClaimMissing},
      {"nbf", "nbf", kNow + 2 * kSkew, Reason::kTokenNotYetValid},
      {"bcl-missing-iat-jti: jti", "jti", std::nullopt, Reason::kClaimMissing},
      {"jti empty", "jti", "", Reason::kClaimMalformed},
      {"jti number", "jti", 7, Reason::kClaimMalformed},
      {"jti long", "jti", std::string(1025, 'x'), Reason::kClaimMalformed},
      {"sid number", "sid", 7, Reason::kClaimMalformed},
      {"sid empty", "sid", "", Reason::kClaimMalformed},
      {"sub array", "sub", Json::array({"alice"}), Reason::kClaimMalformed},
      {"sub null", "sub", nullptr, Reason::kClaimMalformed},
  };
  for (const auto& row : rows) {
    Json claims = GoodClaims();
    if (row.value) {
      claims[row.claim] = *row.value;
    } else {
      claims.erase(row.claim);
    }
    const auto token = Validate(claims);
    if (!row.reason) {
      EXPECT_THAT(token, IsOk()) << row.name;
    } else {
      EXPECT_THAT(token, FailsWith(*row.reason)) << row.name;
    }
  }
}

TEST_F(LogoutTokenClaims, NameSomebody) {
  // bcl-no-sub-no-sid
  Json claims = GoodClaims();
  claims.erase("sub");
  claims.erase("sid");
  EXPECT_THAT(Validate(claims), FailsWith(Reason::kClaimMissing));
}

TEST_F(LogoutTokenClaims, AreNotThoseOfAnIdToken) {
  // bcl-id-token-as-logout-token
  const Json id_token = {
      {"iss", "https://op.example"}, {"sub", "alice"}, {"aud", "client"}, {"iat", kNow},
      {"exp", kNow + 600},           {"jti", "j"},     {"nonce", "n"},    {"sid", "session-1"}};
  EXPECT_THAT(Validate(id_token), FailsWith(Reason::kClaimMissing));
}

// Whoever remembers the jti until then has remembered it for long enough.
TEST_F(LogoutTokenClaims, AreNoLongerValidFromWhenTheySay) {
  for (const std::int64_t lifetime : {std::int64_t{120}, 3 * kDay}) {
    Json claims = GoodClaims();
    claims["exp"] = kNow + lifetime;
    ASSERT_OK_AND_ASSIGN(const LogoutToken token, Validate(claims));
    const std::int64_t end = absl::ToUnixSeconds(token.valid_until);
    EXPECT_THAT(Validate(claims, end - 1), IsOk());
    EXPECT_FALSE(Validate(claims, end).ok());
  }
}

TEST_F(LogoutTokenClaims, NeedNoExpiryWhereTheProviderIsLetOff) {
  // bcl-exp-missing
  expected_.expiry_required = false;
  Json claims = GoodClaims();
  claims.erase("exp");
  ASSERT_OK_AND_ASSIGN(const LogoutToken token, Validate(claims));
  const std::int64_t end = absl::ToUnixSeconds(token.valid_until);
  EXPECT_EQ(end, kNow - 5 + kDay + kSkew);
  EXPECT_FALSE(Validate(claims, end).ok());
  // One that is there counts.
  claims["exp"] = kNow - 2 * kSkew;
  EXPECT_THAT(Validate(claims), FailsWith(Reason::kTokenExpired));
  claims.erase("exp");
  claims.erase("iat");
  EXPECT_THAT(Validate(claims), FailsWith(Reason::kClaimMissing));
}

TEST_F(LogoutTokenClaims, AreNeverCheckedAgainstNothing) {
  expected_.client_id.clear();
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kInternal));
  expected_ = {.issuer = "", .client_id = "client"};
  EXPECT_THAT(Validate(GoodClaims()), FailsWith(Reason::kInternal));
}

}  // namespace
}  // namespace tokenbroker::oauth
