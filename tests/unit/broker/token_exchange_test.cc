#include "broker/token_exchange.h"

#include <memory>

#include "broker/broker_fixture.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;

constexpr char kAccessToken[] = "urn:ietf:params:oauth:token-type:access_token";

class TokenExchanging : public BrokerTest {
 protected:
  TokenExchanging() : exchanging_clients_(MakeExchangingClients(provider_)) {
    broker_ =
        std::make_unique<Broker>(exchanging_clients_, *store_, clock_, cache_, changes_, runtime_,
                                 BrokerOptions{.replica = "test", .refresh_ahead = false});
  }

  static std::vector<Client> MakeExchangingClients(const std::shared_ptr<FakeProvider>& provider) {
    Client shop = MakeClient(provider);
    shop.allows_token_exchange = true;
    Client plain = MakeClient(provider);
    plain.name = "plain";
    std::vector<Client> clients;
    clients.push_back(std::move(shop));
    clients.push_back(std::move(plain));
    return clients;
  }

  static ExchangeWish Wish() {
    return {
        .client = "shop", .subject_token = Secret("subject"), .subject_token_type = kAccessToken};
  }

  absl::StatusOr<ExchangedToken> Exchange(ExchangeWish wish) {
    return Run(broker_->ExchangeToken(asker_, std::move(wish), InTime()));
  }

  void WillIssue(std::optional<oauth::Scopes> scopes = std::nullopt) {
    provider_->Answer(Now([scopes](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
      return oauth::TokenResponse{.access_token = Secret("exchanged"),
                                  .token_type = "Bearer",
                                  .lifetime = absl::Minutes(5),
                                  .refresh_token = Secret("refresh"),
                                  .scopes = scopes,
                                  .issued_token_type = kAccessToken};
    }));
  }

  Clients exchanging_clients_;
};

TEST_F(TokenExchanging, GivesWhatTheProviderIssued) {
  WillIssue(oauth::Scopes{"orders:read"});
  ASSERT_OK_AND_ASSIGN(const ExchangedToken token, Exchange(Wish()));
  EXPECT_EQ(token.value.Reveal(), "exchanged");
  EXPECT_EQ(token.token_type, "Bearer");
  EXPECT_EQ(token.issued_token_type, kAccessToken);
  EXPECT_EQ(token.expires_at, clock_.Now() + absl::Minutes(5));
  EXPECT_EQ(token.scopes, oauth::Scopes{"orders:read"});
  EXPECT_THAT(provider_->sent(), ElementsAre("exchange subject audience=https://api.example"));
}

TEST_F(TokenExchanging, AsksForWhatIsWanted) {
  WillIssue();
  ExchangeWish wish = Wish();
  wish.scopes = {"orders:read"};
  wish.audience = "https://other.example";
  wish.resources = {"https://api.example/orders"};
  ASSERT_OK_AND_ASSIGN(const ExchangedToken token, Exchange(std::move(wish)));
  EXPECT_EQ(token.scopes, oauth::Scopes{"orders:read"});
  EXPECT_THAT(provider_->sent(),
              ElementsAre("exchange subject scope=orders:read audience=https://other.example "
                          "resource=https://api.example/orders"));
}

TEST_F(TokenExchanging, RefusesWhatTheClientDoesNotAllow) {
  const auto refused = [&](auto change) {
    ExchangeWish wish = Wish();
    change(wish);
    return Exchange(std::move(wish));
  };
  EXPECT_THAT(refused([](auto& wish) { wish.client = "plain"; }),
              FailsWith(Reason::kOperationNotSupported));
  EXPECT_THAT(refused([](auto& wish) { wish.client = "unknown"; }),
              FailsWith(Reason::kClientUnknown));
  EXPECT_THAT(refused([](auto& wish) { wish.scopes = {"admin"}; }),
              FailsWith(Reason::kScopeNotAllowed));
  EXPECT_THAT(refused([](auto& wish) { wish.audience = "https://evil.example"; }),
              FailsWith(Reason::kAudienceNotAllowed));
  EXPECT_THAT(refused([](auto& wish) { wish.resources = {"https://evil.example"}; }),
              FailsWith(Reason::kAudienceNotAllowed));
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

TEST_F(TokenExchanging, RefusesWhatMakesNoSense) {
  const auto refused = [&](auto change) {
    ExchangeWish wish = Wish();
    change(wish);
    return Exchange(std::move(wish));
  };
  const auto is_field_error = FailsWith(Reason::kInvalidRequest);
  EXPECT_THAT(refused([](auto& wish) { wish.client = ""; }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.subject_token = Secret(); }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.subject_token_type = ""; }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.subject_token_type = "jwt"; }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.actor_token = Secret("a"); }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.actor_token_type = kAccessToken; }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.requested_token_type = "jwt"; }), is_field_error);
  EXPECT_THAT(refused([](auto& wish) {
                wish.requested_token_type = "urn:ietf:params:oauth:token-type:refresh_token";
              }),
              is_field_error);
  EXPECT_THAT(refused([](auto& wish) { wish.scopes = {"two words"}; }), is_field_error);
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

TEST_F(TokenExchanging, KeepsACallerToItsScopes) {
  asker_.scopes = oauth::Scopes{"orders:read"};
  EXPECT_THAT(Exchange(Wish()), FailsWith(Reason::kScopeNotAllowed));
  ExchangeWish wish = Wish();
  wish.scopes = {"orders:read", "orders:write"};
  EXPECT_THAT(Exchange(std::move(wish)), FailsWith(Reason::kScopeNotAllowed));
  EXPECT_THAT(provider_->sent(), IsEmpty());

  wish = Wish();
  wish.scopes = {"orders:read"};
  WillIssue(oauth::Scopes{"orders:read", "orders:write"});
  EXPECT_THAT(Exchange(std::move(wish)), FailsWith(Reason::kScopeNotAllowed));
  wish = Wish();
  wish.scopes = {"orders:read"};
  WillIssue(oauth::Scopes{"orders:read", "openid"});
  EXPECT_OK(Exchange(std::move(wish)));
}

TEST_F(TokenExchanging, KeepsACallerToItsAudiences) {
  asker_.audiences = {"https://other.example"};
  EXPECT_THAT(Exchange(Wish()), FailsWith(Reason::kAudienceNotAllowed));
  ExchangeWish wish = Wish();
  wish.audience = "https://other.example";
  wish.resources = {"https://api.example/orders"};
  EXPECT_THAT(Exchange(std::move(wish)), FailsWith(Reason::kAudienceNotAllowed));
  EXPECT_THAT(provider_->sent(), IsEmpty());
  wish = Wish();
  wish.audience = "https://other.example";
  WillIssue();
  EXPECT_OK(Exchange(std::move(wish)));
}

TEST_F(TokenExchanging, PassesTheProvidersRefusalOn) {
  provider_->Answer(Fails(Error(Reason::kProviderDenied, {{"error", "invalid_target"}})));
  EXPECT_THAT(Exchange(Wish()), FailsWith(Reason::kProviderDenied));
}

}  // namespace
}  // namespace tokenbroker::broker
