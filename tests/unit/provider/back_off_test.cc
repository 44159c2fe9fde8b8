#include "provider/back_off.h"

#include <algorithm>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Optional;
using ::tokenbroker::testing::FailsWith;

const absl::Time kStart = absl::FromUnixSeconds(1767225600);

absl::Status Failure() { return Error(Reason::kProviderUnavailable); }

TEST(BackOff, BlocksNothingBeforeAFailure) { EXPECT_EQ(BackOff().Blocked(kStart), std::nullopt); }

// R12
TEST(BackOff, IsOfAnyLengthUpToAStepThatDoubles) {
  absl::Duration shortest = absl::InfiniteDuration();
  absl::Duration longest = absl::ZeroDuration();
  for (int i = 0; i < 200; ++i) {
    BackOff back_off;
    for (int failures = 0; failures < 3; ++failures) {
      back_off.Failed(Failure(), kStart).IgnoreError();
    }
    const absl::Duration wait = *back_off.BlockedUntil(kStart) - kStart;
    shortest = std::min(shortest, wait);
    longest = std::max(longest, wait);
  }
  EXPECT_LT(shortest, absl::Seconds(1));
  EXPECT_GT(longest, absl::Seconds(3));
}

TEST(BackOff, DoublesUpToItsLongest) {
  BackOff back_off;
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30, 30}) {
    const absl::Status failed = back_off.Failed(Failure(), kStart);
    EXPECT_THAT(RetryAfterOf(failed),
                Optional(AllOf(Ge(kMinBackOff), Le(kMinBackOff + absl::Seconds(seconds)),
                               Le(kMaxBackOff))));
  }
}

TEST(BackOff, AnswersWithTheFailureUntilItIsOver) {
  BackOff back_off;
  back_off.Failed(Failure(), kStart).IgnoreError();
  const auto blocked = back_off.Blocked(kStart + absl::Milliseconds(100));
  ASSERT_TRUE(blocked);
  EXPECT_THAT(*blocked, FailsWith(Reason::kProviderUnavailable));
  EXPECT_THAT(RetryAfterOf(*blocked),
              Optional(AllOf(Ge(absl::Milliseconds(150)), Le(absl::Milliseconds(1150)))));
  EXPECT_EQ(back_off.Blocked(kStart + absl::Milliseconds(1250)), std::nullopt);
}

TEST(BackOff, WaitsAsLongAsTheProviderAsksWithinItsLongest) {
  BackOff back_off;
  EXPECT_THAT(RetryAfterOf(back_off.Failed(WithRetryAfter(Failure(), absl::Seconds(20)), kStart)),
              Optional(Ge(absl::Seconds(20))));
  EXPECT_THAT(RetryAfterOf(back_off.Failed(WithRetryAfter(Failure(), absl::Hours(1)), kStart)),
              Optional(kMaxBackOff));
}

TEST(BackOff, ForgetsAfterASuccess) {
  BackOff back_off;
  back_off.Failed(Failure(), kStart).IgnoreError();
  back_off.Failed(Failure(), kStart).IgnoreError();
  back_off.Succeeded();
  EXPECT_EQ(back_off.Blocked(kStart), std::nullopt);
  EXPECT_THAT(RetryAfterOf(back_off.Failed(Failure(), kStart)), Optional(Le(absl::Seconds(1.25))));
}

TEST(BackOff, EndsAlthoughTheClockWasSetBack) {
  BackOff back_off;
  back_off.Failed(Failure(), kStart).IgnoreError();
  EXPECT_EQ(back_off.Blocked(kStart - absl::Hours(1)), std::nullopt);
}

}  // namespace
}  // namespace tokenbroker::provider
