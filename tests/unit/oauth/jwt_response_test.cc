#include "oauth/jwt_response.h"

#include <string>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker::oauth {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;

constexpr absl::Time kNow = absl::FromUnixSeconds(1767225600);
constexpr std::int64_t kSeconds = 1767225600;

Json Good() {
  return {{"iss", "https://op.example"},
          {"aud", "client"},
          {"exp", kSeconds + 600},
          {"state", "s"},
          {"code", "c"}};
}

AuthorizationResponse Envelope() {
  AuthorizationResponse envelope;
  envelope.mode = ResponseMode::kQueryJwt;
  envelope.redirect_uri = "https://app.example/cb";
  envelope.other_query_fields = {"t=a"};
  envelope.state = Secret("s");
  envelope.response = Secret("a.b.c");
  return envelope;
}

absl::StatusOr<AuthorizationResponse> Open(const Json& claims) {
  return OpenJwtResponse(Envelope(), claims,
                         {.issuer = "https://op.example", .client_id = "client"}, kNow);
}

TEST(JwtResponse, IsOpenedIntoWhatItSays) {
  Json claims = Good();
  claims.update({{"id_token", "i.j.k"},
                 {"access_token", "a"},
                 {"token_type", "Bearer"},
                 {"expires_in", 3600},
                 {"scope", "openid"}});
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse opened, Open(claims));
  EXPECT_EQ(opened.mode, ResponseMode::kQueryJwt);
  EXPECT_EQ(opened.redirect_uri, "https://app.example/cb");
  EXPECT_THAT(opened.other_query_fields, ElementsAre("t=a"));
  EXPECT_EQ(opened.state.Reveal(), "s");
  EXPECT_EQ(opened.code->Reveal(), "c");
  EXPECT_EQ(opened.id_token->Reveal(), "i.j.k");
  EXPECT_EQ(opened.access_token->Reveal(), "a");
  EXPECT_EQ(opened.token_type, "Bearer");
  EXPECT_EQ(opened.expires_in, "3600");
  EXPECT_EQ(opened.issuer, "https://op.example");
  EXPECT_FALSE(opened.error);
  EXPECT_FALSE(opened.response);
}

TEST(JwtResponse, MayBeAnError) {
  Json claims = Good();
  claims.erase("code");
  claims["error"] = "access_denied";
  claims["error_description"] = "the user went back";
  ASSERT_OK_AND_ASSIGN(const AuthorizationResponse opened, Open(claims));
  EXPECT_EQ(opened.error, "access_denied");
  EXPECT_FALSE(opened.code);
}

TEST(JwtResponse, IsRefusedForEachClaimThatIsWrong) {
  struct {
    const char* name;
    Json changes;  // null takes a claim away
    Reason reason;
  } const rows[] = {
      {"jarm-iss-wrong", {{"iss", "https://op.example1"}}, Reason::kIssuerMismatch},
      {"jarm-iss-missing", {{"iss", nullptr}}, Reason::kClaimMissing},
      {"iss of another type",
       {{"iss", Json::array({"https://op.example"})}},
       Reason::kClaimMalformed},
      {"jarm-aud-missing", {{"aud", nullptr}}, Reason::kClaimMissing},
      {"another aud", {{"aud", "client1"}}, Reason::kAudienceMismatch},
      {"a stranger beside us",
       {{"aud", Json::array({"client", "other"})}},
       Reason::kAudienceMismatch},
      {"nobody", {{"aud", Json::array()}}, Reason::kAudienceMismatch},
      {"jarm-exp-expired", {{"exp", kSeconds - 360}}, Reason::kTokenExpired},
      {"jarm-exp-missing", {{"exp", nullptr}}, Reason::kClaimMissing},
      {"exp as text", {{"exp", "1767226200"}}, Reason::kClaimMalformed},
      {"iat to come", {{"iat", kSeconds + 360}}, Reason::kIssuedInFuture},
      {"nbf to come", {{"nbf", kSeconds + 360}}, Reason::kTokenNotYetValid},
      {"no state", {{"state", nullptr}}, Reason::kClaimMissing},
      {"another state", {{"state", "t"}}, Reason::kStateUnknown},
      {"a number as code", {{"code", 1}}, Reason::kClaimMalformed},
      {"a list as error", {{"error", Json::array({"x"})}}, Reason::kClaimMalformed},
      {"a line break in the code", {{"code", "a\nb"}}, Reason::kClaimMalformed},
  };
  for (const auto& row : rows) {
    Json claims = Good();
    claims.merge_patch(row.changes);
    EXPECT_THAT(Open(claims), FailsWith(row.reason)) << row.name;
  }
}

TEST(JwtResponse, MayNameItsAudienceAsAListAndItsClockMayBeOff) {
  Json claims = Good();
  claims["aud"] = Json::array({"client"});
  claims["exp"] = kSeconds - 59;
  claims["iat"] = kSeconds + 59;
  claims["nbf"] = kSeconds + 59;
  EXPECT_THAT(Open(claims), IsOk());
}

TEST(JwtResponse, HasALifetimeAsANumberOrAsText) {
  const auto lifetime = [](const Json& value) {
    Json claims = Good();
    claims["expires_in"] = value;
    const auto opened = Open(claims);
    EXPECT_THAT(opened, IsOk());
    return opened.ok() ? opened->expires_in : std::nullopt;
  };
  EXPECT_EQ(lifetime(60), "60");
  EXPECT_EQ(lifetime("60"), "60");
  EXPECT_EQ(lifetime(-1), "");
  EXPECT_EQ(lifetime(Json::object()), "");
}

TEST(JwtResponse, IsNeverCheckedAgainstNothing) {
  EXPECT_THAT(OpenJwtResponse(Envelope(), Good(), {.issuer = "https://op.example"}, kNow),
              FailsWith(Reason::kInternal));
  EXPECT_THAT(OpenJwtResponse(Envelope(), Good(), {.client_id = "client"}, kNow),
              FailsWith(Reason::kInternal));
}

}  // namespace
}  // namespace tokenbroker::oauth
