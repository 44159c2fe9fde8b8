#include "tokenbroker/access_token_credentials.h"

#include <chrono>

#include "client/fake_broker.h"
#include "gmock/gmock.h"
#include "grpcpp/client_context.h"

namespace tokenbroker::client {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;
using ::testing::UnorderedElementsAre;

class Credentials : public ::testing::Test {
 protected:
  static std::int64_t Later() {
    using std::chrono::system_clock;
    return system_clock::to_time_t(system_clock::now()) + 3600;
  }
  static v1::GetAccessTokenResponse Bound() {
    v1::GetAccessTokenResponse token = Token("bound", Later());
    token.set_token_type("DPoP");
    return token;
  }

  std::shared_ptr<grpc::CallCredentials> OfGrant() {
    v1::GetAccessTokenRequest request;
    request.set_grant_id("g");
    return AccessTokenCredentials(broker_.Connect(), request);
  }

  // Makes a call and returns the headers of interest that it came with.
  std::vector<std::string> Call(const std::shared_ptr<grpc::CallCredentials>& credentials) {
    grpc::ClientContext context;
    context.set_credentials(credentials);
    v1::GetGrantResponse response;
    status_ = resource_->GetGrant(&context, {}, &response);
    return {response.grant().scopes().begin(), response.grant().scopes().end()};
  }

  FakeBroker broker_;
  const std::unique_ptr<v1::TokenBroker::Stub> resource_ =
      v1::TokenBroker::NewStub(broker_.Connect());
  grpc::Status status_;
};

TEST_F(Credentials, AskOnceForATokenThatLasts) {
  broker_.SetAnswer(Token("one", Later()));
  const auto credentials = OfGrant();
  EXPECT_THAT(Call(credentials), UnorderedElementsAre("authorization: Bearer one"));
  EXPECT_THAT(Call(credentials), SizeIs(1));
  EXPECT_THAT(broker_.asked(), SizeIs(1));
}

TEST_F(Credentials, HaveAProofOfItsOwnForEveryCallWithABoundToken) {
  broker_.SetAnswer(Bound());
  const auto credentials = OfGrant();
  for (int i = 0; i < 2; ++i) {
    EXPECT_THAT(
        Call(credentials),
        UnorderedElementsAre("authorization: DPoP bound",
                             ::testing::MatchesRegex("dpop: proof of POST https?://.*"
                                                     "/tokenbroker.v1.TokenBroker/GetGrant")))
        << status_.error_message();
  }
  // One without, which found out, and one for each call.
  EXPECT_THAT(broker_.asked(), SizeIs(3));
}

TEST_F(Credentials, OfAWatchHaveItsNewestToken) {
  broker_.Script({{.tokens = {Token("watched", Later())}}});
  v1::WatchAccessTokenRequest request;
  request.set_grant_id("g");
  const auto watch = std::make_shared<TokenWatch>(broker_.Connect(), request);
  EXPECT_THAT(Call(AccessTokenCredentials(watch)),
              UnorderedElementsAre("authorization: Bearer watched"));
  EXPECT_THAT(broker_.asked(), IsEmpty());
}

TEST_F(Credentials, OfAWatchSendNoBoundTokenWithoutAProof) {
  broker_.Script({{.tokens = {Bound()}}});
  v1::WatchAccessTokenRequest request;
  request.set_grant_id("g");
  const auto watch = std::make_shared<TokenWatch>(broker_.Connect(), request);
  EXPECT_THAT(Call(AccessTokenCredentials(watch)), IsEmpty());
  EXPECT_FALSE(status_.ok());
  EXPECT_THAT(status_.error_message(), ::testing::HasSubstr("bound to a key"));
}

}  // namespace
}  // namespace tokenbroker::client
