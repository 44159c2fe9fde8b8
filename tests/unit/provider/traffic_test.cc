#include "provider/traffic.h"

#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "provider/delivery.h"
#include "support/fake_http_client.h"
#include "support/manual_clock.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::Ge;
using testing::IsOk;
using testing::JsonResponse;
using ::testing::Le;
using ::testing::Optional;

class TrafficTest : public ::testing::Test {
 protected:
  ~TrafficTest() override { runtime_.Stop(); }

  absl::StatusOr<Permit> Admit(Endpoint endpoint = Endpoint::kToken,
                               Priority priority = Priority::kCaller) {
    return RunBlocking(runtime_,
                       traffic_->Admit(endpoint, Urgency(priority), clock_.Now() + absl::Hours(1)));
  }
  void Answer(absl::StatusOr<HttpResponse> response, Endpoint endpoint = Endpoint::kToken) {
    const auto permit = Admit(endpoint);
    ASSERT_THAT(permit, IsOk());
    (*permit)->Answered(response);
  }
  static HttpResponse WithHeader(HttpResponse response, const char* name, const char* value) {
    response.headers.emplace_back(name, value);
    return response;
  }
  EndpointState TokenEndpoint() const {
    ProviderState state;
    traffic_->Describe(state);
    for (const EndpointState& endpoint : state.endpoints) {
      if (endpoint.endpoint == Endpoint::kToken) return endpoint;
    }
    ADD_FAILURE() << "not there";
    return {};
  }

  testing::ManualClock clock_;
  Runtime runtime_{1};
  const std::shared_ptr<Traffic> traffic_ = Traffic::Create(
      runtime_, clock_, nullptr,
      {.provider = "op", .max_in_flight = 1, .max_queued = 1, .breaker = {.failures = 3}});
};

// R10
TEST_F(TrafficTest, AsksAFailingEndpointNoMoreUntilAProbeIsAnswered) {
  for (int i = 0; i < 3; ++i) {
    Answer(i == 1 ? absl::StatusOr<HttpResponse>(Error(Reason::kProviderUnavailable))
                  : JsonResponse(502, "{}"));
  }
  const auto refused = Admit();
  EXPECT_THAT(refused, FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(MetadataOf(refused.status()).at("cause"), "circuit_breaker");
  EXPECT_THAT(RetryAfterOf(refused.status()),
              Optional(AllOf(Ge(absl::Seconds(2.5)), Le(absl::Seconds(5)))));
  EXPECT_EQ(TokenEndpoint().breaker, BreakerState::kOpen);
  EXPECT_EQ(TokenEndpoint().refused_by_breaker, 1u);
  // One endpoint's troubles are not another's.
  Answer(JsonResponse(200, "{}"), Endpoint::kRevocation);

  clock_.Advance(absl::Seconds(5));
  {
    const auto probe = Admit();
    ASSERT_THAT(probe, IsOk());
    EXPECT_EQ(TokenEndpoint().breaker, BreakerState::kHalfOpen);
    (*probe)->Answered(JsonResponse(200, "{}"));
  }
  EXPECT_EQ(TokenEndpoint().breaker, BreakerState::kClosed);
  EXPECT_THAT(Admit(), IsOk());
}

TEST_F(TrafficTest, TakesRefusalsForASignOfLife) {
  for (const int status : {400, 401, 403, 404, 429, 400, 401}) {
    Answer(JsonResponse(status, R"({"error":"invalid_grant"})"));
    if (status == 429) clock_.Advance(absl::Minutes(1));
  }
  for (const Reason ours : {Reason::kDeadlineExceeded, Reason::kCancelled, Reason::kInvalidRequest,
                            Reason::kProviderMisconfigured}) {
    Answer(Error(ours));
  }
  EXPECT_EQ(TokenEndpoint().breaker, BreakerState::kClosed);
  EXPECT_EQ(TokenEndpoint().failures, 0u);
}

// R12: seconds, a date, and Auth0's limit in the guise of a failure.
TEST_F(TrafficTest, CoolsDownWhenTheProviderSaysTooManyRequests) {
  struct Row {
    const char* name;
    HttpResponse response;
    int seconds;
  };
  const std::string date = absl::FormatTime("%a, %d %b %Y %H:%M:%S GMT",
                                            clock_.Now() + absl::Seconds(20), absl::UTCTimeZone());
  std::vector<Row> rows;
  rows.push_back({"seconds", WithHeader(JsonResponse(429, "{}"), "retry-after", "20"), 20});
  rows.push_back({"date", WithHeader(JsonResponse(429, ""), "retry-after", date.c_str()), 20});
  rows.push_back({"503", WithHeader(JsonResponse(503, ""), "retry-after", "20"), 20});
  rows.push_back({"untold", JsonResponse(429, "{}"), 1});
  rows.push_back({"Auth0", JsonResponse(500, R"({"error":"access_denied",
                                  "error_description":"Global limit has been reached"})"),
                  1});
  for (Row& row : rows) {
    const auto traffic =
        Traffic::Create(runtime_, clock_, nullptr, {.provider = "op", .breaker = {.failures = 2}});
    const auto admit = [&] {
      return RunBlocking(runtime_, traffic->Admit(Endpoint::kToken, Urgency(Priority::kCaller),
                                                  clock_.Now() + absl::Hours(1)));
    };
    const auto permit = admit();
    ASSERT_THAT(permit, IsOk()) << row.name;
    (*permit)->Answered(std::move(row.response));
    const auto refused = admit();
    EXPECT_THAT(refused, FailsWith(Reason::kProviderRateLimited)) << row.name;
    EXPECT_THAT(
        RetryAfterOf(refused.status()),
        Optional(AllOf(Ge(absl::Seconds(row.seconds)), Le(absl::Seconds(row.seconds + 10)))))
        << row.name;
  }
}

TEST_F(TrafficTest, RefusesWhoWaitedWhileTheProviderCooledDown) {
  auto permit = Admit();
  ASSERT_THAT(permit, IsOk());
  Tasks<Permit> waiting(runtime_);
  waiting.Start(traffic_->Admit(Endpoint::kToken, Urgency(Priority::kSchedule),
                                clock_.Now() + absl::Hours(1)));
  Settle(runtime_);
  (*permit)->Answered(WithHeader(JsonResponse(429, "{}"), "retry-after", "20"));
  *permit = nullptr;
  EXPECT_THAT(waiting.Finish().front(), FailsWith(Reason::kProviderRateLimited));
}

// `st-hang-isolation`
TEST_F(TrafficTest, RefusesBeyondItsQueueAndTellsOperators) {
  auto held = Admit();
  Tasks<Permit> waiting(runtime_);
  waiting.Start(traffic_->Admit(Endpoint::kToken, Urgency(Priority::kSchedule),
                                clock_.Now() + absl::Hours(1)));
  Settle(runtime_);
  const auto refused = Admit(Endpoint::kToken, Priority::kSchedule);
  EXPECT_THAT(refused, FailsWith(Reason::kLimitReached));
  EXPECT_TRUE(RetryAfterOf(refused.status()));
  ProviderState state;
  traffic_->Describe(state);
  EXPECT_EQ(state.in_flight, 1);
  EXPECT_EQ(state.max_in_flight, 1);
  EXPECT_THAT(state.queued, ElementsAre(0, 0, 1));
  EXPECT_EQ(TokenEndpoint().refused_by_limit, 1u);
  *held = nullptr;
  EXPECT_THAT(waiting.Finish().front(), IsOk());
}

TEST_F(TrafficTest, GivesAProbeBackThatWasNeverMade) {
  for (int i = 0; i < 3; ++i) Answer(JsonResponse(500, "{}"));
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Admit(), IsOk());
  EXPECT_EQ(TokenEndpoint().breaker, BreakerState::kHalfOpen);
  EXPECT_THAT(Admit(), IsOk());
}

}  // namespace
}  // namespace tokenbroker::provider
