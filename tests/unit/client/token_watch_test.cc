#include "tokenbroker/token_watch.h"

#include <atomic>
#include <chrono>
#include <optional>

#include "client/fake_broker.h"
#include "gmock/gmock.h"

namespace tokenbroker::client {
namespace {

using grpc::StatusCode;
using std::chrono::milliseconds;
using std::chrono::system_clock;

class Watching : public ::testing::Test {
 protected:
  static std::int64_t Later() { return system_clock::to_time_t(system_clock::now()) + 3600; }
  static system_clock::time_point InTime() {
    return system_clock::now() + std::chrono::seconds(20);
  }

  TokenWatch& Watch(v1::WatchAccessTokenRequest request = OfGrant()) {
    return watch_.emplace(
        broker_.Connect(), std::move(request),
        TokenWatchOptions{.first_pause = milliseconds(1),
                          .longest_pause = milliseconds(5),
                          .on_interruption = [this](const grpc::Status&) { ++interruptions_; }});
  }
  static v1::WatchAccessTokenRequest OfGrant() {
    v1::WatchAccessTokenRequest request;
    request.set_grant_id("g");
    return request;
  }
  static grpc::Status Broken() { return {StatusCode::UNAVAILABLE, "going away"}; }
  static grpc::Status Ended() { return {StatusCode::FAILED_PRECONDITION, "sign in again"}; }

  FakeBroker broker_;
  std::atomic<int> interruptions_ = 0;
  std::optional<TokenWatch> watch_;
};

TEST_F(Watching, HasTheNewestToken) {
  broker_.Script({{.tokens = {Token("one", Later()), Token("two", Later())}}});
  TokenWatch& watch = Watch();
  v1::GetAccessTokenResponse token;
  while (token.access_token() != "two") ASSERT_TRUE(watch.Newest(InTime(), &token).ok());
  EXPECT_EQ(interruptions_, 0);
}

TEST_F(Watching, ComesBackWhenTheStreamBreaks) {
  broker_.Script({{.tokens = {}, .status = Broken()},
                  {.tokens = {Token("one", Later())}, .status = Broken()},
                  {.tokens = {Token("two", Later())}}});
  TokenWatch& watch = Watch();
  v1::GetAccessTokenResponse token;
  while (token.access_token() != "two") ASSERT_TRUE(watch.Next(InTime(), &token).ok());
  EXPECT_EQ(broker_.streams(), 3);
  EXPECT_EQ(interruptions_, 2);
}

TEST_F(Watching, KeepsTheTokenWhileTheBrokerIsAway) {
  broker_.Script({{.tokens = {Token("one", Later())}, .status = Broken()},
                  {.tokens = {}, .status = Broken()}});
  TokenWatch& watch = Watch();
  v1::GetAccessTokenResponse token;
  while (interruptions_ < 3) std::this_thread::yield();
  ASSERT_TRUE(watch.Newest(InTime(), &token).ok());
  EXPECT_EQ(token.access_token(), "one");
}

TEST_F(Watching, GivesNoTokenThatHasExpiredAndSaysWhyThereIsNone) {
  broker_.Script(
      {{.tokens = {Token("old", 1)}, .status = Broken()}, {.tokens = {}, .status = Broken()}});
  TokenWatch& watch = Watch();
  while (interruptions_ < 2) std::this_thread::yield();
  v1::GetAccessTokenResponse token;
  const grpc::Status status = watch.Newest(system_clock::now(), &token);
  EXPECT_EQ(status.error_code(), StatusCode::UNAVAILABLE);
  EXPECT_EQ(token.access_token(), "");
}

TEST_F(Watching, EndsWithTheGrant) {
  broker_.Script({{.tokens = {Token("one", Later())}, .status = Ended()}});
  TokenWatch& watch = Watch();
  while (!watch.ended()) std::this_thread::yield();
  v1::GetAccessTokenResponse token;
  EXPECT_EQ(watch.Newest(InTime(), &token).error_code(), StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(token.access_token(), "");
  EXPECT_EQ(broker_.streams(), 1);
}

TEST_F(Watching, OfASubjectGoesOnWithItsNextGrant) {
  broker_.Script({{.tokens = {Token("one", Later())}, .status = Ended()},
                  {.tokens = {Token("two", Later())}, .status = Ended()},
                  {.tokens = {}, .status = {StatusCode::NOT_FOUND, "no grant"}}});
  v1::WatchAccessTokenRequest request;
  request.mutable_subject_grant()->set_client("web");
  request.mutable_subject_grant()->set_subject("alice");
  TokenWatch& watch = Watch(std::move(request));
  v1::GetAccessTokenResponse token;
  while (!watch.ended()) std::this_thread::yield();
  EXPECT_EQ(watch.Next(InTime(), &token).error_code(), StatusCode::NOT_FOUND);
  EXPECT_EQ(broker_.streams(), 3);
}

TEST_F(Watching, IsNotHeldUpByAStreamThatIsSilent) {
  broker_.Script({{.tokens = {}}});
  Watch();
  while (broker_.streams() == 0) std::this_thread::yield();
  watch_.reset();
}

}  // namespace
}  // namespace tokenbroker::client
