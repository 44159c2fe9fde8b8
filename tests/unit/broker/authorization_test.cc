#include "broker/authorization.h"

#include "broker/broker_fixture.h"

namespace tokenbroker::broker {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;

using AuthorizationUrlCreation = BrokerTest;

TEST_F(AuthorizationUrlCreation, SendsTheBrowserWithEverythingThatBindsTheAnswer) {
  const auto url = Begin("code id_token");
  ASSERT_OK(url);
  EXPECT_THAT(url->url,
              AllOf(HasSubstr("https://op.example/authorize?"), HasSubstr("client_id=shop-id"),
                    HasSubstr("response_type=code%20id_token"),
                    HasSubstr("response_mode=form_post"), HasSubstr("code_challenge_method=S256"),
                    HasSubstr("code_challenge="), HasSubstr("audience=https%3A%2F%2Fapi.example"),
                    HasSubstr("scope=offline_access%20openid")));
  EXPECT_EQ(ParameterOf(url->url, "state"), url->state.Reveal());
  EXPECT_GE(url->state.size(), 22u);  // 128 bits in base64url
  EXPECT_GE(ParameterOf(url->url, "nonce").size(), 22u);
  EXPECT_THAT(url->url, Not(HasSubstr(std::string(url->browser_binding.Reveal()))));
  EXPECT_EQ(url->expires_at, clock_.Now() + absl::Minutes(10));
}

TEST_F(AuthorizationUrlCreation, MakesNothingTwice) {
  const auto first = Begin();
  const auto second = Begin();
  EXPECT_FALSE(first->state == second->state);
  EXPECT_FALSE(first->browser_binding == second->browser_binding);
  EXPECT_NE(ParameterOf(first->url, "nonce"), ParameterOf(second->url, "nonce"));
  EXPECT_NE(ParameterOf(first->url, "code_challenge"), ParameterOf(second->url, "code_challenge"));
}

struct Refusal {
  const char* what;
  std::function<void(AuthorizationWish&)> change;
  Reason reason;
};

class AuthorizationRefusal : public BrokerTest, public ::testing::WithParamInterface<Refusal> {};

TEST_P(AuthorizationRefusal, NamesItsReason) {
  AuthorizationWish wish{.client = "shop", .redirect_uri = kRedirectUri};
  GetParam().change(wish);
  EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(asker_, std::move(wish), InTime())),
              FailsWith(GetParam().reason));
}

INSTANTIATE_TEST_SUITE_P(
    CreateAuthorizationUrl, AuthorizationRefusal,
    ::testing::Values(
        Refusal{"NoClient", [](auto& wish) { wish.client = ""; }, Reason::kInvalidRequest},
        Refusal{"UnknownClient", [](auto& wish) { wish.client = "x"; }, Reason::kClientUnknown},
        Refusal{"ForeignRedirectUri",
                [](auto& wish) { wish.redirect_uri = "https://evil.example/callback"; },
                Reason::kRedirectUriNotRegistered},
        Refusal{"LongerRedirectUri",
                [](auto& wish) { wish.redirect_uri = std::string(kRedirectUri) + "/"; },
                Reason::kRedirectUriNotRegistered},
        Refusal{"RedirectUriWithFragment",
                [](auto& wish) { wish.redirect_uri = std::string(kRedirectUri) + "#x"; },
                Reason::kInvalidRequest},
        Refusal{"ImplicitResponseType", [](auto& wish) { wish.response_type = "id_token"; },
                Reason::kInvalidRequest},
        Refusal{"HybridByQuery",
                [](auto& wish) {
                  wish.response_type = "code id_token";
                  wish.response_mode = "query";
                },
                Reason::kResponseModeNotAllowed},
        Refusal{"UnknownMode", [](auto& wish) { wish.response_mode = "pigeon"; },
                Reason::kInvalidRequest},
        Refusal{"ForeignScope", [](auto& wish) { wish.scopes = {"openid", "admin"}; },
                Reason::kScopeNotAllowed},
        Refusal{"NoOpenid", [](auto& wish) { wish.scopes = {"orders:read"}; },
                Reason::kInvalidRequest},
        Refusal{"ForeignAudience", [](auto& wish) { wish.audience = "https://x.example"; },
                Reason::kAudienceNotAllowed},
        Refusal{"ForeignResource", [](auto& wish) { wish.resources = {"https://x.example"}; },
                Reason::kAudienceNotAllowed},
        Refusal{"OwnState", [](auto& wish) { wish.extra_parameters["state"] = "mine"; },
                Reason::kParameterReserved},
        Refusal{"NegativeMaxAge", [](auto& wish) { wish.max_age = -absl::Seconds(1); },
                Reason::kInvalidRequest},
        Refusal{"LargeContext",
                [](auto& wish) { wish.caller_context = Secret(std::string(4097, 'x')); },
                Reason::kInvalidRequest}),
    [](const auto& row) { return row.param.what; });

TEST_F(AuthorizationUrlCreation, HidesClientsThatTheCallerMayNotUse) {
  const Asker other{.name = "other", .clients = {{"another"}}};
  AuthorizationWish wish{.client = "shop", .redirect_uri = kRedirectUri};
  EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(other, std::move(wish), InTime())),
              FailsWith(Reason::kClientUnknown));
}

TEST_F(AuthorizationUrlCreation, KeepsWithinTheScopesOfThePolicy) {
  const Asker reader{.name = "reader", .scopes = oauth::Scopes{"orders:read"}};
  AuthorizationWish wish{
      .client = "shop", .redirect_uri = kRedirectUri, .scopes = {"openid", "orders:write"}};
  EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(reader, std::move(wish), InTime())),
              FailsWith(Reason::kScopeNotAllowed));
  AuthorizationWish modest{
      .client = "shop", .redirect_uri = kRedirectUri, .scopes = {"openid", "orders:read"}};
  EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(reader, std::move(modest), InTime())), IsOk());
}

TEST_F(AuthorizationUrlCreation, SaysWhenTheProviderIsDown) {
  provider_->metadata_error = Error(Reason::kProviderUnavailable);
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderUnavailable));
}

TEST_F(AuthorizationUrlCreation, RefusesWhatTheProviderDoesNotSupport) {
  provider_->metadata.response_types_supported = {"code"};
  EXPECT_THAT(Begin("code id_token"), FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(Begin("code"), IsOk());
}

}  // namespace
}  // namespace tokenbroker::broker
