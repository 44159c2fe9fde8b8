#include "broker/access_tokens.h"

#include <random>
#include <thread>

#include "broker/broker_fixture.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;

class AccessTokenReading : public BrokerTest {
 protected:
  std::vector<std::string> RefreshesSent() const {
    std::vector<std::string> sent = provider_->sent();
    std::erase_if(sent, [](const std::string& text) { return text.starts_with("code"); });
    return sent;
  }
};

TEST_F(AccessTokenReading, NeedsNoProviderWhileTheTokenIsGood) {
  const auto grant = SignIn();
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  clock_.Advance(absl::Minutes(59));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  EXPECT_THAT(RefreshesSent(), IsEmpty());
}

TEST_F(AccessTokenReading, ComesFromTheCacheTheSecondTime) {
  const auto grant = SignIn();
  AccessTokenQuery query{.selector = ByGrantId{grant.id}};
  EXPECT_EQ(broker_->FindAccessToken(asker_, query), nullptr);
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  const TokenSnapshot cached = broker_->FindAccessToken(asker_, query);
  ASSERT_NE(cached, nullptr);
  EXPECT_EQ(cached->value.Reveal(), "AT1");
}

TEST_F(AccessTokenReading, NeverComesFromTheCacheForWhomItIsNot) {
  const auto grant = SignIn();
  ASSERT_OK(Get(grant.id));
  const Asker stranger{.name = "stranger"};
  const Asker barred{.name = "backend", .clients = {{"another"}}};
  const Asker narrow{.name = "backend", .scopes = oauth::Scopes{"orders:read"}};
  const Asker elsewhere{.name = "backend", .audiences = {{"https://x.example"}}};
  for (const Asker* asker : {&stranger, &barred, &narrow, &elsewhere}) {
    AccessTokenQuery query{.selector = ByGrantId{grant.id}};
    EXPECT_EQ(broker_->FindAccessToken(*asker, query), nullptr);
  }
  AccessTokenQuery query{.selector = ByGrantId{grant.id}};
  EXPECT_THAT(Run(broker_->GetAccessToken(stranger, std::move(query), InTime())),
              FailsWith(Reason::kGrantUnknown));
  AccessTokenQuery again{.selector = ByGrantId{grant.id}};
  EXPECT_THAT(Run(broker_->GetAccessToken(narrow, std::move(again), InTime())),
              FailsWith(Reason::kScopeNotAllowed));
  const Asker overseer{.name = "overseer", .sees_grants_of_others = true};
  AccessTokenQuery seen{.selector = ByGrantId{grant.id}};
  EXPECT_THAT(Run(broker_->GetAccessToken(overseer, std::move(seen), InTime())), IsOk());
}

TEST_F(AccessTokenReading, RefreshesAnExpiredTokenAndRotates) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT3"}));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT3");
  EXPECT_THAT(RefreshesSent(), ElementsAre("refresh RT1", "refresh RT2"));
}

// R14: both halves of the merge rule.
TEST_F(AccessTokenReading, KeepsTheRefreshTokenThatTheAnswerLeavesOut) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2"}));
  provider_->Answer(Issues({.access_token = "AT3"}));
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  clock_.Advance(absl::Hours(1));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT3");
  EXPECT_THAT(RefreshesSent(), ElementsAre("refresh RT1", "refresh RT1"));
}

TEST_F(AccessTokenReading, RefreshesOnceForAllWhoWait) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  clock_.Advance(absl::Hours(1));
  std::vector<std::string> tokens(24);
  std::vector<std::thread> callers;
  for (std::string& token : tokens) {
    callers.emplace_back([&] { token = TokenOf(Get(grant.id)); });
  }
  for (std::thread& caller : callers) caller.join();
  EXPECT_THAT(tokens, ::testing::Each("AT2"));
  EXPECT_THAT(RefreshesSent(), ElementsAre("refresh RT1"));
}

TEST_F(AccessTokenReading, RefreshesForACallerWhoNeedsLonger) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  clock_.Advance(absl::Minutes(40));
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(15)})), "AT1");
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(30)})), "AT2");
}

// R15: a token that is always too short must not mean a request for every call.
TEST_F(AccessTokenReading, DoesNotAskAgainForWhatTheProviderNeverGives) {
  const auto grant =
      SignIn({.access_token = "AT1", .refresh_token = "RT1", .lifetime = absl::Minutes(5)});
  provider_->Answer(Issues({.access_token = "AT2", .lifetime = absl::Minutes(5)}));
  clock_.Advance(absl::Minutes(1));
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Hours(1)})), "AT2");
  }
  EXPECT_THAT(RefreshesSent(), ElementsAre("refresh RT1"));
}

TEST_F(AccessTokenReading, RefreshesARejectedTokenOnlyWhileItIsTheOneHeld) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.rejected_access_token = Secret("AT1")})), "AT2");
  EXPECT_EQ(TokenOf(Get(grant.id, {.rejected_access_token = Secret("AT1")})), "AT2");
  EXPECT_THAT(RefreshesSent(), ElementsAre("refresh RT1"));
}

// R8: another selection is a token of its own, under the same refresh token.
TEST_F(AccessTokenReading, KeepsSelectionsApart) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "NARROW", .refresh_token = "RT2"}));
  provider_->Answer(Issues({.access_token = "OTHER", .refresh_token = "RT3"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.scopes = {"openid"}})), "NARROW");
  EXPECT_EQ(TokenOf(Get(grant.id, {.audience = "https://other.example"})), "OTHER");
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  EXPECT_EQ(TokenOf(Get(grant.id, {.scopes = {"openid"}})), "NARROW");
  EXPECT_EQ(TokenOf(Get(grant.id, {.audience = "https://api.example"})), "AT1");
  EXPECT_THAT(RefreshesSent(), ElementsAre("refresh RT1 scope=openid",
                                           "refresh RT2 audience=https://other.example"));
}

TEST_F(AccessTokenReading, GivesNoMoreThanWasGranted) {
  const auto grant = SignIn();
  EXPECT_THAT(Get(grant.id, {.scopes = {"orders:write"}}), FailsWith(Reason::kScopeNotAllowed));
  EXPECT_THAT(Get(grant.id, {.audience = "https://x.example"}),
              FailsWith(Reason::kAudienceNotAllowed));
  EXPECT_THAT(Get("no-such-grant"), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = -absl::Seconds(1)}),
              FailsWith(Reason::kInvalidRequest));
}

TEST_F(AccessTokenReading, FindsTheNewestGrantOfASubject) {
  SignIn();
  clock_.Advance(absl::Seconds(1));
  SignIn({.access_token = "NEWER", .refresh_token = "RT9"});
  AccessTokenQuery query{.selector = BySubject{.client = "shop", .subject = "alice"}};
  EXPECT_EQ(TokenOf(Run(broker_->GetAccessToken(asker_, std::move(query), InTime()))), "NEWER");
  AccessTokenQuery nobody{.selector = BySubject{.client = "shop", .subject = "bob"}};
  EXPECT_THAT(Run(broker_->GetAccessToken(asker_, std::move(nobody), InTime())),
              FailsWith(Reason::kGrantUnknown));
}

TEST_F(AccessTokenReading, EndsWithTheGrant) {
  const auto grant = SignIn();
  ASSERT_OK(Get(grant.id));
  ASSERT_OK(Run(broker_->RevokeGrant(asker_, grant.id, InTime())));
  AccessTokenQuery query{.selector = ByGrantId{grant.id}};
  EXPECT_EQ(broker_->FindAccessToken(asker_, query), nullptr);
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kReauthorizationRequired));
  EXPECT_THAT(provider_->revoked(), ElementsAre("RT1", "AT1"));
}

TEST_F(AccessTokenReading, NeedsAnOptInForTheClientsOwnTokens) {
  AccessTokenQuery query{.selector = ByClientCredentials{"shop"}};
  EXPECT_THAT(Run(broker_->GetAccessToken(asker_, std::move(query), InTime())),
              FailsWith(Reason::kOperationNotSupported));
}

// A token that says what it was issued for.
std::string TokenFor(const oauth::RefreshToken& asked) {
  std::string what = std::string(asked.refresh_token.Reveal()) + " for " + asked.scopes.ToString();
  if (asked.audience) what += " at " + *asked.audience;
  for (const std::string& resource : asked.resources) what += " at " + resource;
  return what;
}

// R9: whatever is asked for in whatever order, from the cache, the store or the provider: nobody
// gets the token of another grant, audience or scope set.
TEST_F(AccessTokenReading, R9AlwaysGivesTheTokenThatWasAskedFor) {
  std::mt19937 random(9);
  const auto below = [&random](std::size_t n) {
    return std::uniform_int_distribution<std::size_t>(0, n - 1)(random);
  };
  const oauth::Scopes granted = {"openid", "orders:read", "orders:write"};
  std::vector<std::string> ids;
  for (const char* const family : {"RT-a", "RT-b", "RT-c", "RT-d"}) {
    ids.push_back(SignIn({.access_token = std::string(family) + " for ",
                          .refresh_token = family,
                          .scopes = granted})
                      .id);
  }
  provider_->Answer(
      Now([](const oauth::AuthorizationGrant& grant) -> absl::StatusOr<oauth::TokenResponse> {
        return oauth::TokenResponse{
            .access_token = Secret(TokenFor(std::get<oauth::RefreshToken>(grant))),
            .token_type = "Bearer",
            .lifetime = absl::Hours(1)};
      }));
  provider_->RepeatLastAnswer();
  const std::vector<std::string> audiences = {
      "", "https://other.example", "https://api.example/orders", "https://api.example/bills"};
  const std::vector<oauth::Scopes> selections = {
      {}, {"openid"}, {"orders:read"}, {"orders:write", "orders:read"}};
  for (int i = 0; i < 2000; ++i) {
    const std::size_t whose = below(ids.size());
    const std::string& audience = audiences[below(audiences.size())];
    const oauth::Scopes& scopes = selections[below(selections.size())];
    std::string expected = std::string("RT-") + "abcd"[whose] + " for " + scopes.ToString();
    if (!audience.empty()) expected += " at " + audience;
    AccessTokenQuery query{.scopes = scopes.values(), .audience = audience};
    ASSERT_EQ(TokenOf(Get(ids[whose], std::move(query))), expected) << i;
    if (below(20) == 0) clock_.Advance(absl::Minutes(20));
  }
  EXPECT_GT(RefreshesSent().size(), 200u);
}

}  // namespace
}  // namespace tokenbroker::broker
