#include "broker/authorization.h"

#include <set>
#include <string>

#include "broker/broker_fixture.h"
#include "jose/jws.h"
#include "support/signing_key.h"

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

// cb-authorization request-randomness
TEST_F(AuthorizationUrlCreation, NeverRepeatsASecret) {
  constexpr int kRequests = 100'000;
  std::set<std::string> seen;
  for (int i = 0; i < kRequests; ++i) {
    // Old requests end, so that the store has room.
    if (i % 100 == 0) clock_.Advance(absl::Seconds(1));
    const auto url = Begin("code id_token");
    ASSERT_OK(url);
    seen.emplace(url->state.Reveal());
    seen.emplace(url->browser_binding.Reveal());
    seen.insert(ParameterOf(url->url, "nonce"));
    seen.insert(ParameterOf(url->url, "code_challenge"));
  }
  EXPECT_EQ(seen.size(), std::size_t{4} * kRequests);
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
        Refusal{"HybridByQueryAsJwt",
                [](auto& wish) {
                  wish.response_type = "code id_token";
                  wish.response_mode = "query.jwt";
                },
                Reason::kResponseModeNotAllowed},
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

TEST_F(AuthorizationUrlCreation, TakesJwtForTheDefaultModeOfTheType) {
  EXPECT_EQ(ParameterOf(Begin("code", "jwt")->url, "response_mode"), "query.jwt");
  EXPECT_EQ(ParameterOf(Begin("code id_token", "jwt")->url, "response_mode"), "fragment.jwt");
  EXPECT_EQ(ParameterOf(Begin("code", "form_post.jwt")->url, "response_mode"), "form_post.jwt");
}

TEST_F(AuthorizationUrlCreation, AsksForNoJwtOfAProviderThatSendsNone) {
  provider_->metadata.response_modes_supported = {"query", "fragment", "query.jwt"};
  EXPECT_THAT(Begin("code", "query.jwt"), IsOk());
  EXPECT_THAT(Begin("code", "form_post.jwt"), FailsWith(Reason::kProviderMisconfigured));
  // Not listed, and yet everybody has it.
  EXPECT_THAT(Begin("code", "form_post"), IsOk());
}

TEST_F(AuthorizationUrlCreation, UsesTheFirstModeOfAClientWithoutFormPost) {
  Client client = MakeClient(provider_);
  client.response_modes = {oauth::ResponseMode::kFragmentJwt, oauth::ResponseMode::kFragment};
  UseClient(std::move(client));
  EXPECT_EQ(ParameterOf(Begin()->url, "response_mode"), "fragment.jwt");
}

TEST_F(AuthorizationUrlCreation, AsksForSeveralResources) {
  // RFC 8707 section 2
  AuthorizationWish wish{.client = "shop",
                         .redirect_uri = kRedirectUri,
                         .resources = {"https://api.example/orders", "https://api.example/bills"}};
  const auto url = Run(broker_->CreateAuthorizationUrl(asker_, std::move(wish), InTime()));
  ASSERT_OK(url);
  EXPECT_THAT(url->url, HasSubstr("&resource=https%3A%2F%2Fapi.example%2Forders"
                                  "&resource=https%3A%2F%2Fapi.example%2Fbills"));
}

class Resources : public BrokerTest {
 protected:
  Resources() {
    Client client = MakeClient(provider_);
    client.default_audience.clear();
    UseClient(std::move(client));
  }

  AuthorizationWish Wish() const {
    return {.client = "shop",
            .redirect_uri = kRedirectUri,
            .response_type = "code",
            .resources = {"https://api.example/orders", "https://api.example/bills"}};
  }
};

TEST_F(Resources, HaveATokenEach) {
  // RFC 8707 section 2.2
  const auto url = Run(broker_->CreateAuthorizationUrl(asker_, Wish(), InTime()));
  ASSERT_OK(url);
  provider_->Answer(Issues({.access_token = "ORDERS",
                            .refresh_token = "RT1",
                            .id_token = Claims(ParameterOf(url->url, "nonce")).dump()}));
  const auto answer =
      Submit("code=C1&state=" + std::string(url->state.Reveal()), url->browser_binding);
  ASSERT_OK(answer);
  EXPECT_EQ(answer->grant.audience, "https://api.example/orders");
  EXPECT_EQ(TokenOf(Get(answer->grant.id)), "ORDERS");
  provider_->Answer(Issues({.access_token = "BILLS", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(answer->grant.id, {.audience = "https://api.example/bills"})), "BILLS");
  provider_->Answer(Issues({.access_token = "ORDERS2", .refresh_token = "RT3"}));
  EXPECT_EQ(TokenOf(Get(answer->grant.id, {.rejected_access_token = Secret("ORDERS")})), "ORDERS2");
  EXPECT_THAT(provider_->sent(),
              ::testing::ElementsAre("code C1 resource=https://api.example/orders",
                                     "refresh RT1 resource=https://api.example/bills",
                                     "refresh RT2 resource=https://api.example/orders"));
  EXPECT_THAT(Get(answer->grant.id, {.audience = "https://api.example/x"}),
              FailsWith(Reason::kAudienceNotAllowed));
}

TEST_F(Resources, AreOnlyForCallersWhosePolicyNamesThem) {
  const Asker reader{.name = "reader", .audiences = {{"https://api.example/orders"}}};
  EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(reader, Wish(), InTime())),
              FailsWith(Reason::kAudienceNotAllowed));
  AuthorizationWish modest = Wish();
  modest.resources.pop_back();
  EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(reader, std::move(modest), InTime())), IsOk());
}

class PushedAuthorizationRequests : public BrokerTest {
 protected:
  PushedAuthorizationRequests() {
    provider_->metadata.pushed_authorization_request_endpoint = "https://op.example/par";
  }

  void UsePushedRequests(PushedRequests when) {
    Client client = MakeClient(provider_);
    client.pushed_requests = when;
    UseClient(std::move(client));
  }

  static std::string Pushed(const oauth::Parameters& parameters, std::string_view name) {
    for (const auto& parameter : parameters) {
      if (parameter.name == name) return parameter.value;
    }
    return "";
  }
};

TEST_F(PushedAuthorizationRequests, LeaveNothingInTheUrlButTheirReference) {
  // RFC 9126 section 4
  UsePushedRequests(PushedRequests::kAlways);
  const auto url = Begin("code id_token");
  ASSERT_OK(url);
  EXPECT_EQ(url->url,
            "https://op.example/authorize?client_id=shop-id&request_uri=urn%3Aexample%3Apushed");
  ASSERT_EQ(provider_->pushed().size(), 1u);
  const oauth::Parameters pushed = provider_->pushed().front();
  EXPECT_EQ(Pushed(pushed, "state"), url->state.Reveal());
  EXPECT_EQ(Pushed(pushed, "response_type"), "code id_token");
  EXPECT_EQ(Pushed(pushed, "redirect_uri"), kRedirectUri);
  EXPECT_EQ(Pushed(pushed, "code_challenge_method"), "S256");
  EXPECT_GE(Pushed(pushed, "nonce").size(), 22u);
}

TEST_F(PushedAuthorizationRequests, AreUsableAsLongAsTheProviderSaysAndNoLongerThanTheClient) {
  UsePushedRequests(PushedRequests::kAlways);
  EXPECT_EQ(Begin()->expires_at, clock_.Now() + absl::Seconds(60));
  provider_->push_lifetime = absl::Hours(2);
  EXPECT_EQ(Begin()->expires_at, clock_.Now() + absl::Minutes(10));
}

TEST_F(PushedAuthorizationRequests, LetAUserWhoHasBegunTakeTheUsualTime) {
  UsePushedRequests(PushedRequests::kAlways);
  const auto url = Begin();
  ASSERT_OK(url);
  const std::string nonce = Pushed(provider_->pushed().front(), "nonce");
  clock_.Advance(absl::Minutes(9));
  provider_->Answer(Issues({.access_token = "AT1", .id_token = Claims(nonce).dump()}));
  EXPECT_THAT(Submit("code=C1&state=" + std::string(url->state.Reveal()), url->browser_binding),
              IsOk());
}

TEST_F(PushedAuthorizationRequests, AreSentAsConfiguredAndWhereTheProviderRequiresThem) {
  const auto is_pushed = [&](PushedRequests when, bool required) {
    UsePushedRequests(when);
    provider_->metadata.require_pushed_authorization_requests = required;
    const std::size_t before = provider_->pushed().size();
    EXPECT_THAT(Begin(), IsOk());
    return provider_->pushed().size() > before;
  };
  EXPECT_FALSE(is_pushed(PushedRequests::kWhenRequired, false));
  EXPECT_TRUE(is_pushed(PushedRequests::kWhenRequired, true));
  EXPECT_TRUE(is_pushed(PushedRequests::kWhenOffered, false));
  EXPECT_TRUE(is_pushed(PushedRequests::kAlways, false));
  provider_->metadata.pushed_authorization_request_endpoint.reset();
  EXPECT_FALSE(is_pushed(PushedRequests::kWhenOffered, false));
}

TEST_F(PushedAuthorizationRequests, NeedAProviderThatTakesThem) {
  provider_->metadata.pushed_authorization_request_endpoint.reset();
  UsePushedRequests(PushedRequests::kAlways);
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderMisconfigured));
  UsePushedRequests(PushedRequests::kWhenRequired);
  provider_->metadata.require_pushed_authorization_requests = true;
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderMisconfigured));
}

TEST_F(PushedAuthorizationRequests, LeaveNothingPendingWhereTheyAreRefused) {
  UsePushedRequests(PushedRequests::kAlways);
  provider_->push_error = Error(Reason::kProviderDenied, {{"error", "invalid_request"}});
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderDenied));
  const auto pending = Run(store_->CountAuthorizations(asker_.name));
  ASSERT_OK(pending);
  EXPECT_EQ(*pending, 0u);
}

class SignedAuthorizationRequests : public PushedAuthorizationRequests {
 protected:
  void UseKey(PushedRequests when) {
    Client client = MakeClient(provider_);
    client.pushed_requests = when;
    client.request_object_key = key_.key();
    client.authorization_request_lifetime = absl::Hours(2);
    UseClient(std::move(client));
  }

  Json ClaimsOf(const std::string& object) const {
    const auto jwt = jose::VerifyJws(
        object, key_.Set(),
        {.algorithms = {jose::Algorithm::kES256}, .accepted_types = {"oauth-authz-req+jwt"}});
    EXPECT_THAT(jwt, IsOk());
    return jwt.ok() ? *jose::ParseClaims(*jwt) : Json();
  }

  const testing::SigningKey key_ = testing::SigningKey::Shared(jose::Algorithm::kES256, "k");
};

TEST_F(SignedAuthorizationRequests, HaveEverythingInTheJwt) {
  UseKey(PushedRequests::kWhenRequired);
  const auto url = Begin("code id_token");
  ASSERT_OK(url);
  const Json claims = ClaimsOf(ParameterOf(url->url, "request"));
  EXPECT_EQ(claims.value("iss", ""), "shop-id");
  EXPECT_EQ(claims.value("aud", ""), "https://op.example");
  EXPECT_EQ(claims.value("state", ""), url->state.Reveal());
  EXPECT_EQ(claims.value("redirect_uri", ""), kRedirectUri);
  EXPECT_THAT(url->url, Not(HasSubstr("redirect_uri=")));
  EXPECT_THAT(url->url, Not(HasSubstr("&state=")));
  EXPECT_THAT(url->url, AllOf(HasSubstr("client_id=shop-id"),
                              HasSubstr("response_type=code%20id_token"), HasSubstr("&scope=")));
}

TEST_F(SignedAuthorizationRequests, LiveAnHourAtMostAndHaveAnIdOfTheirOwn) {
  UseKey(PushedRequests::kWhenRequired);
  const auto url = Begin();
  ASSERT_OK(url);
  EXPECT_EQ(url->expires_at, clock_.Now() + absl::Hours(1));
  const Json claims = ClaimsOf(ParameterOf(url->url, "request"));
  EXPECT_EQ(claims.value("exp", std::int64_t{0}), absl::ToUnixSeconds(url->expires_at));
  EXPECT_NE(claims.at("jti"), ClaimsOf(ParameterOf(Begin()->url, "request")).at("jti"));
}

TEST_F(SignedAuthorizationRequests, ArePushedAlone) {
  // RFC 9126 section 3
  UseKey(PushedRequests::kAlways);
  const auto url = Begin();
  ASSERT_OK(url);
  EXPECT_EQ(url->url,
            "https://op.example/authorize?client_id=shop-id&request_uri=urn%3Aexample%3Apushed");
  const auto pushed = provider_->pushed();
  ASSERT_EQ(pushed.front().size(), 1u);
  EXPECT_EQ(ClaimsOf(Pushed(pushed.front(), "request")).value("state", ""), url->state.Reveal());
}

TEST_F(SignedAuthorizationRequests, NeedAProviderAndAKeyThatFit) {
  UseKey(PushedRequests::kWhenRequired);
  provider_->metadata.request_object_signing_alg_values_supported = {"PS256"};
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderMisconfigured));
  provider_->metadata.request_object_signing_alg_values_supported = {"PS256", "ES256"};
  EXPECT_THAT(Begin(), IsOk());
  UseClient(MakeClient(provider_));
  EXPECT_THAT(Begin(), IsOk());
  provider_->metadata.require_signed_request_object = true;
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderMisconfigured));
}

TEST_F(SignedAuthorizationRequests, AreNoClientAssertions) {
  // RFC 9101 section 10.8
  UseKey(PushedRequests::kWhenRequired);
  for (const char* name : {"sub", "iss", "aud", "jti", "exp"}) {
    AuthorizationWish wish{
        .client = "shop", .redirect_uri = kRedirectUri, .extra_parameters = {{name, "shop-id"}}};
    EXPECT_THAT(Run(broker_->CreateAuthorizationUrl(asker_, std::move(wish), InTime())),
                FailsWith(Reason::kParameterReserved))
        << name;
  }
}

}  // namespace
}  // namespace tokenbroker::broker
