#include "broker/logout.h"

#include <memory>
#include <set>
#include <thread>

#include "broker/broker_fixture.h"
#include "broker/faulty_grant_store.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using testing::IsOkAndHolds;
using ::testing::Not;

constexpr char kGoodbye[] = "https://app.example/bye";
constexpr char kEvent[] = "http://schemas.openid.net/event/backchannel-logout";

class LogoutTest : public BrokerTest {
 protected:
  LogoutTest() : clients_with_goodbye_(Clients(MakeMoreClients(provider_))) { Serve(*store_); }

  static std::vector<Client> MakeMoreClients(const std::shared_ptr<FakeProvider>& provider) {
    Client shop = MakeClient(provider);
    shop.post_logout_redirect_uris = {kGoodbye};
    // The same registration under another name, and another one at the same provider.
    Client alias = MakeClient(provider);
    alias.name = "alias";
    Client other = MakeClient(provider);
    other.name = "other";
    other.registration.client_id = "other-id";
    std::vector<Client> clients;
    clients.push_back(std::move(shop));
    clients.push_back(std::move(alias));
    clients.push_back(std::move(other));
    return clients;
  }

  // What the queue has begun uses stores of the tests.
  ~LogoutTest() override { runtime_.Stop(); }

  FaultyGrantStore& AddFaultyStore() {
    return *faulty_.emplace_back(std::make_unique<FaultyGrantStore>(*store_));
  }

  void Serve(grants::GrantStore& store) {
    broker_ =
        std::make_unique<Broker>(clients_with_goodbye_, store, clock_, cache_, changes_, runtime_,
                                 BrokerOptions{.replica = "test", .refresh_ahead = false});
  }

  // Puts a grant into the store as a sign-in would have.
  void Have(const std::string& id, const std::string& subject, const std::string& session_id,
            const std::string& client = "shop", const std::string& caller = "backend") {
    grants::Grant grant;
    grant.id = id;
    grant.caller = caller;
    grant.client = client;
    grant.provider = "op";
    grant.id_token.issuer = "https://op.example";
    grant.id_token.subject = subject;
    if (!session_id.empty()) grant.id_token.session_id = session_id;
    grant.raw_id_token = Secret("id-token-of-" + subject);
    grant.created_at = clock_.Now();
    grant.refresh_token = Secret("refresh-token");
    EXPECT_OK(Run(store_->CreateGrant(std::move(grant))));
  }

  Json LogoutToken(Json members) const {
    const auto now = absl::ToUnixSeconds(clock_.Now());
    Json claims = {{"iss", "https://op.example"},
                   {"aud", "shop-id"},
                   {"iat", now},
                   {"exp", now + 120},
                   {"jti", "jti-1"},
                   {"events", {{kEvent, Json::object()}}}};
    claims.update(members);
    return claims;
  }

  absl::StatusOr<int> Submit(const Json& claims, const std::string& client = "shop") {
    SubmittedLogoutToken submitted{.client = client, .logout_token = Secret(claims.dump())};
    return Run(broker_->SubmitLogoutToken(asker_, std::move(submitted), InTime()));
  }

  std::set<std::string> ActiveGrants() {
    const auto page = Run(store_->ListGrants({.state = grants::GrantState::kActive}, 1000, ""));
    EXPECT_OK(page);
    std::set<std::string> ids;
    for (const grants::Grant& grant : page->grants) ids.insert(grant.id);
    return ids;
  }

  absl::StatusOr<Secret> Url(LogoutWish wish) {
    return Run(broker_->CreateLogoutUrl(asker_, std::move(wish), InTime()));
  }

  std::vector<std::unique_ptr<FaultyGrantStore>> faulty_;
  Clients clients_with_goodbye_;
};

using Ids = std::set<std::string>;

// bcl-happy-sid
TEST_F(LogoutTest, EndsTheGrantsOfTheSession) {
  Have("a", "alice", "session-1");
  Have("b", "alice", "session-2");
  Have("c", "alice", "session-1", "alias", "somebody-else");
  Have("d", "alice", "session-1", "other");
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}})), IsOkAndHolds(2));
  EXPECT_EQ(ActiveGrants(), (Ids{"b", "d"}));
  const auto ended = Run(store_->FindGrant("a"));
  ASSERT_OK(ended);
  EXPECT_EQ(ended->state, grants::GrantState::kRevoked);
  EXPECT_EQ(ended->ended_because, "logout");
  EXPECT_FALSE(ended->refresh_token);
  EXPECT_FALSE(ended->raw_id_token);
  // R25: a refresh token with offline_access outlives the session at the provider.
  while (provider_->revoked().size() < 2) std::this_thread::yield();
  EXPECT_THAT(provider_->revoked(), ElementsAre("refresh-token", "refresh-token"));
}

// A grant that must end has to end: one that cannot be read may be it.
TEST_F(LogoutTest, DoesNotPassOverAGrantThatCannotBeRead) {
  FaultyGrantStore& faulty = AddFaultyStore();
  Serve(faulty);
  Have("a", "alice", "session-1");
  faulty.set_unreadable(1);
  const Json token = LogoutToken({{"sid", "session-1"}});
  EXPECT_THAT(Submit(token), FailsWith(Reason::kRecordUnreadable));
  EXPECT_THAT(ActiveGrants(), IsEmpty()) << "the others end";
  faulty.set_unreadable(0);
  Have("b", "alice", "session-1");  // with the key back it can be read
  EXPECT_THAT(Submit(token), IsOkAndHolds(1));
}

// bcl-sub-only
TEST_F(LogoutTest, EndsEveryGrantOfTheSubjectWhereThereIsNoSession) {
  Ids all;
  for (int i = 0; i < 250; ++i) {
    all.insert("grant-" + std::to_string(i));
    Have("grant-" + std::to_string(i), "alice", i % 2 == 0 ? "session" : "");
  }
  Have("bob", "bob", "session");
  ASSERT_OK(
      Run(store_->EndGrant("grant-7", grants::GrantState::kRevoked, "revoked", absl::Hours(1))));
  EXPECT_THAT(Submit(LogoutToken({{"sub", "alice"}})), IsOkAndHolds(249));
  EXPECT_EQ(ActiveGrants(), (Ids{"bob"}));
}

TEST_F(LogoutTest, EndsOnlyTheSubjectsOwnSessionWhereBothAreNamed) {
  Have("a", "alice", "session-1");
  Have("b", "bob", "session-1");
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}, {"sub", "alice"}})), IsOkAndHolds(1));
  EXPECT_EQ(ActiveGrants(), (Ids{"b"}));
}

// bcl-unknown-session
TEST_F(LogoutTest, HasNothingToDoForASessionThatItDoesNotKnow) {
  Have("a", "alice", "session-1");
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-9"}})), IsOkAndHolds(0));
  EXPECT_EQ(ActiveGrants(), (Ids{"a"}));
}

TEST_F(LogoutTest, TakesATokenOnce) {
  Have("a", "alice", "session-1");
  const Json token = LogoutToken({{"sub", "alice"}});
  EXPECT_THAT(Submit(token), IsOkAndHolds(1));
  Have("b", "alice", "session-2");
  EXPECT_THAT(Submit(token), IsOkAndHolds(0));
  EXPECT_EQ(ActiveGrants(), (Ids{"b"}));
  EXPECT_THAT(Submit(LogoutToken({{"sub", "alice"}, {"jti", "jti-2"}})), IsOkAndHolds(1));
}

TEST_F(LogoutTest, NeverForgetsATokenThatCouldStillBeBelieved) {
  const Json token = LogoutToken({{"sub", "alice"}});
  EXPECT_THAT(Submit(token), IsOkAndHolds(0));
  Have("a", "alice", "session-1");
  for (int second = 0; second < 200; ++second) {
    clock_.Advance(absl::Seconds(1));
    const auto ended = Submit(token);
    if (ended.ok()) {
      EXPECT_EQ(*ended, 0);
    }
  }
  EXPECT_THAT(Submit(token), FailsWith(Reason::kTokenExpired));
  EXPECT_EQ(ActiveGrants(), (Ids{"a"}));
}

// Whatever fails half way, delivering the token again finishes the work.
TEST_F(LogoutTest, GoesOnWhereAStoreThatFailedStopped) {
  for (const auto fault : {FaultyGrantStore::Fault::kRefused, FaultyGrantStore::Fault::kLost}) {
    for (int step = 1; step <= 6; ++step) {
      const std::string run = std::to_string(step) + std::to_string(static_cast<int>(fault));
      SCOPED_TRACE(run);
      FaultyGrantStore& faulty = AddFaultyStore();
      Serve(faulty);
      Have("a" + run, "alice", "session-1");
      Have("b" + run, "alice", "session-2");
      const Json token = LogoutToken({{"sub", "alice"}, {"jti", "jti-" + run}});
      faulty.FailCalls(step, 1, fault);
      const auto first = Submit(token);
      const auto second = first.ok() ? first : Submit(token);
      EXPECT_OK(second);
      EXPECT_THAT(ActiveGrants(), IsEmpty());
      broker_.reset();
    }
  }
}

TEST_F(LogoutTest, RefusesWhatDoesNotHold) {
  Have("a", "alice", "session-1");
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}, {"aud", "other-id"}})),
              FailsWith(Reason::kAudienceMismatch));
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}}), "other"),
              FailsWith(Reason::kAudienceMismatch));
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}}), "unknown"),
              FailsWith(Reason::kClientUnknown));
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}}), ""), FailsWith(Reason::kInvalidRequest));
  provider_->signature_error = Error(Reason::kSignatureInvalid);
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}})), FailsWith(Reason::kSignatureInvalid));
  EXPECT_EQ(ActiveGrants(), (Ids{"a"}));
}

TEST_F(LogoutTest, IsForCallersThatMayUseTheClient) {
  Have("a", "alice", "session-1");
  asker_.clients = {"other"};
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}})), FailsWith(Reason::kClientUnknown));
  asker_.clients = {"shop"};
  EXPECT_THAT(Submit(LogoutToken({{"sid", "session-1"}})), IsOkAndHolds(1));
}

// rpl-happy
TEST_F(LogoutTest, MakesTheUrlOfTheProvidersPage) {
  provider_->metadata.end_session_endpoint = "https://op.example/end";
  Have("a", "alice", "session-1");
  ASSERT_OK_AND_ASSIGN(const Secret url,
                       Url({.grant_id = "a", .post_logout_redirect_uri = kGoodbye, .state = "s"}));
  EXPECT_EQ(url.Reveal(),
            "https://op.example/end?id_token_hint=id-token-of-alice&client_id=shop-id"
            "&post_logout_redirect_uri=https%3A%2F%2Fapp.example%2Fbye&state=s");
  EXPECT_EQ(ActiveGrants(), (Ids{"a"}));
}

TEST_F(LogoutTest, LetsTheProviderAskWhereTheGrantHasEnded) {
  provider_->metadata.end_session_endpoint = "https://op.example/end";
  Have("a", "alice", "session-1");
  ASSERT_OK(Run(broker_->RevokeGrant(asker_, "a", InTime())));
  ASSERT_OK_AND_ASSIGN(const Secret url, Url({.grant_id = "a"}));
  EXPECT_EQ(url.Reveal(), "https://op.example/end?client_id=shop-id");
}

TEST_F(LogoutTest, MakesNoUrlThatTheProviderOrPolicyWouldNotHave) {
  Have("a", "alice", "session-1");
  Have("of-another", "alice", "session-1", "shop", "somebody-else");
  EXPECT_THAT(Url({.grant_id = "a"}), FailsWith(Reason::kOperationNotSupported));
  provider_->metadata.end_session_endpoint = "https://op.example/end";
  EXPECT_THAT(Url({.grant_id = "a", .post_logout_redirect_uri = "https://evil.example/"}),
              FailsWith(Reason::kRedirectUriNotRegistered));
  EXPECT_THAT(Url({.grant_id = "a", .post_logout_redirect_uri = std::string(kGoodbye) + "/"}),
              FailsWith(Reason::kRedirectUriNotRegistered));
  EXPECT_THAT(Url({.grant_id = "a", .state = "s"}), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(
      Url({.grant_id = "a", .post_logout_redirect_uri = kGoodbye, .state = std::string(2049, 's')}),
      FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(Url({}), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(Url({.grant_id = "of-another"}), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Url({.grant_id = "unknown"}), FailsWith(Reason::kGrantUnknown));
}

}  // namespace
}  // namespace tokenbroker::broker
