#include "broker/token_confirmation.h"

#include "broker/broker_fixture.h"

namespace tokenbroker::broker {
namespace {

using ::testing::Contains;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;

class TokenConfirmation : public BrokerTest {
 protected:
  TokenConfirmation() {
    Client client = MakeClient(provider_);
    client.confirms_access_tokens = true;
    UseClient(std::move(client));
    provider_->metadata.introspection_endpoint = "https://op.example/introspect";
  }

  absl::StatusOr<CallbackAnswer> TrySignIn() {
    auto url = Begin();
    EXPECT_OK(url);
    provider_->Answer(Issues({.access_token = "AT1",
                              .refresh_token = "RT1",
                              .id_token = Claims(ParameterOf(url->url, "nonce")).dump()}));
    return Submit("code=C1&state=" + std::string(url->state.Reveal()), url->browser_binding);
  }

  static absl::Status Inactive() {
    return Error(Reason::kProviderResponseInvalid, {{"check", "TOKEN_INACTIVE"}});
  }
};

TEST_F(TokenConfirmation, ComesBeforeATokenIsKept) {
  const auto answer = TrySignIn();
  ASSERT_OK(answer);
  EXPECT_THAT(provider_->confirmed(), ElementsAre("AT1 of alice"));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(answer->grant.id, {.rejected_access_token = Secret("AT1")})), "AT2");
  EXPECT_THAT(provider_->confirmed(), ElementsAre("AT1 of alice", "AT2 of alice"));
}

TEST_F(TokenConfirmation, EndsASignInThatItFails) {
  provider_->confirmations.push_back(Inactive());
  EXPECT_THAT(TrySignIn(), FailsWith(Reason::kProviderResponseInvalid));
  const auto page = Run(store_->ListGrants({}, 10, ""));
  ASSERT_OK(page);
  EXPECT_THAT(page->grants, IsEmpty());
}

TEST_F(TokenConfirmation, KeepsTheRotatedRefreshTokenOfARefreshThatItFails) {
  const auto answer = TrySignIn();
  ASSERT_OK(answer);
  provider_->confirmations.push_back(Inactive());
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_THAT(Get(answer->grant.id, {.rejected_access_token = Secret("AT1")}),
              FailsWith(Reason::kProviderResponseInvalid));
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT3"}));
  EXPECT_EQ(TokenOf(Get(answer->grant.id, {.rejected_access_token = Secret("AT1")})), "AT3");
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1", "refresh RT1", "refresh RT2"));
}

TEST_F(TokenConfirmation, AsksAgainWhereTheProviderStumbles) {
  provider_->confirmations.push_back(Error(Reason::kProviderUnavailable));
  EXPECT_OK(TrySignIn());
  EXPECT_THAT(provider_->confirmed(), ElementsAre("AT1 of alice", "AT1 of alice"));
}

TEST_F(TokenConfirmation, SpendsNoCodeWhereTheProviderCannotBeAsked) {
  auto url = Begin();
  ASSERT_OK(url);
  provider_->metadata.introspection_endpoint.reset();
  const auto answer =
      Submit("code=C1&state=" + std::string(url->state.Reveal()), url->browser_binding);
  EXPECT_THAT(answer, FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(MetadataOf(answer.status()),
              Contains(::testing::Pair("member", "introspection_endpoint")));
  EXPECT_THAT(provider_->sent(), IsEmpty());
}

TEST_F(TokenConfirmation, SendsNoUserToAProviderThatCannotBeAsked) {
  provider_->metadata.introspection_endpoint.reset();
  EXPECT_THAT(Begin(), FailsWith(Reason::kProviderMisconfigured));
}

TEST_F(BrokerTest, SendsNoUserToAProviderThatDoesNotPromiseBoundTokens) {
  Client client = MakeClient(provider_);
  client.registration.certificate_bound_access_tokens = true;
  UseClient(std::move(client));
  const auto url = Begin();
  EXPECT_THAT(url, FailsWith(Reason::kProviderMisconfigured));
  EXPECT_THAT(MetadataOf(url.status()),
              Contains(::testing::Pair("member", "tls_client_certificate_bound_access_tokens")));
  provider_->metadata.tls_client_certificate_bound_access_tokens = true;
  EXPECT_OK(Begin());
}

TEST_F(BrokerTest, ConfirmsNothingUnlessTold) {
  SignIn();
  EXPECT_THAT(provider_->confirmed(), IsEmpty());
}

}  // namespace
}  // namespace tokenbroker::broker
