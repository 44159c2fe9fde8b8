#include "provider/circuit_breaker.h"

#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Optional;

const absl::Time kOpeningTime = absl::FromUnixSeconds(1767225600);

class CircuitBreakerTest : public ::testing::Test {
 protected:
  void Fail(int times) {
    for (int i = 0; i < times; ++i) breaker_.Failed(breaker_.Begin(now_), now_);
  }

  CircuitBreaker breaker_{
      {.failures = 3, .open_for = absl::Seconds(4), .open_for_at_most = absl::Seconds(10)}};
  absl::Time now_ = kOpeningTime;
};

// R10
TEST_F(CircuitBreakerTest, OpensAfterFailuresInARowAlone) {
  Fail(2);
  breaker_.Succeeded(breaker_.Begin(now_));
  Fail(2);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kClosed);
  EXPECT_EQ(breaker_.Blocked(now_), std::nullopt);
  Fail(1);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kOpen);
  EXPECT_THAT(breaker_.Blocked(now_), Optional(AllOf(Ge(absl::Seconds(2)), Le(absl::Seconds(4)))));
}

TEST_F(CircuitBreakerTest, LetsOneProbeThroughAndClosesWhenItIsAnswered) {
  Fail(3);
  now_ += absl::Seconds(4);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker_.Blocked(now_), std::nullopt);
  const auto probe = breaker_.Begin(now_);
  EXPECT_NE(breaker_.Blocked(now_), std::nullopt);
  breaker_.Succeeded(probe);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kClosed);
  EXPECT_EQ(breaker_.Blocked(now_), std::nullopt);
}

TEST_F(CircuitBreakerTest, StaysOpenLongerWithEachProbeThatFails) {
  Fail(3);
  for (const int seconds : {8, 10, 10}) {
    now_ += absl::Seconds(10);
    Fail(1);
    EXPECT_THAT(breaker_.Blocked(now_),
                Optional(AllOf(Ge(absl::Seconds(seconds) / 2), Le(absl::Seconds(seconds)))));
  }
}

TEST_F(CircuitBreakerTest, TriesAgainWhereNothingBecameKnownOfTheProbe) {
  Fail(3);
  now_ += absl::Seconds(4);
  breaker_.Abandoned(breaker_.Begin(now_));
  EXPECT_EQ(breaker_.state(now_), BreakerState::kHalfOpen);
  EXPECT_EQ(breaker_.Blocked(now_), std::nullopt);
}

TEST_F(CircuitBreakerTest, IgnoresNewsFromBeforeItOpened) {
  const auto old = breaker_.Begin(now_);
  const auto older = breaker_.Begin(now_);
  Fail(3);
  breaker_.Succeeded(old);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kOpen);
  now_ += absl::Seconds(4);
  const auto probe = breaker_.Begin(now_);
  breaker_.Failed(older, now_);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kHalfOpen);
  breaker_.Succeeded(probe);
  EXPECT_EQ(breaker_.state(now_), BreakerState::kClosed);
}

TEST_F(CircuitBreakerTest, OpensAgainForAShortTimeAfterItWasClosed) {
  Fail(3);
  now_ += absl::Seconds(4);
  Fail(1);
  now_ += absl::Seconds(8);
  breaker_.Succeeded(breaker_.Begin(now_));
  Fail(3);
  EXPECT_THAT(breaker_.Blocked(now_), Optional(Le(absl::Seconds(4))));
}

TEST_F(CircuitBreakerTest, TriesAgainAlthoughTheClockWasSetBack) {
  Fail(3);
  now_ -= absl::Hours(1);
  EXPECT_EQ(breaker_.Blocked(now_), std::nullopt);
}

}  // namespace
}  // namespace tokenbroker::provider
