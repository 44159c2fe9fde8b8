#include "broker/failed_refreshes.h"

#include <string>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::broker {
namespace {

using ::testing::AllOf;
using testing::FailsWith;
using ::testing::Ge;
using ::testing::Le;
using ::testing::Optional;

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

absl::Status Answered(Reason reason) { return Error(reason, {{"delivery", "answered"}}); }

// R12
TEST(FailedRefreshes, AnswersForTheProviderUntilTheBackOffIsOver) {
  FailedRefreshes failed(10);
  EXPECT_EQ(failed.Find("grant", kNow), std::nullopt);
  const absl::Status limited =
      WithRetryAfter(Answered(Reason::kProviderRateLimited), absl::Seconds(7));
  failed.Landed("grant", limited, kNow);
  const auto found = failed.Find("grant", kNow + absl::Seconds(1));
  ASSERT_TRUE(found);
  EXPECT_THAT(*found, FailsWith(Reason::kProviderRateLimited));
  EXPECT_THAT(RetryAfterOf(*found), Optional(AllOf(Ge(absl::Seconds(6)), Le(absl::Seconds(7)))));
  EXPECT_EQ(failed.Find("another", kNow), std::nullopt);
  EXPECT_EQ(failed.Find("grant", kNow + absl::Seconds(8)), std::nullopt);
}

TEST(FailedRefreshes, ForgetsAfterASuccess) {
  FailedRefreshes failed(10);
  failed.Landed("grant", Answered(Reason::kProviderRejectedClient), kNow);
  const auto found = failed.Find("grant", kNow);
  ASSERT_TRUE(found);
  // An error that tells nobody to come back does not begin to.
  EXPECT_EQ(RetryAfterOf(*found), std::nullopt);
  failed.Landed("grant", absl::OkStatus(), kNow);
  EXPECT_EQ(failed.Find("grant", kNow), std::nullopt);
}

TEST(FailedRefreshes, KeepsNothingThatIsNotTheProvidersAnswer) {
  FailedRefreshes failed(10);
  for (const absl::Status& outcome :
       {Error(Reason::kStoreUnavailable), Answered(Reason::kLeaseHeld),
        Answered(Reason::kReauthorizationRequired), Answered(Reason::kLimitReached),
        Error(Reason::kProviderUnavailable, {{"delivery", "unknown"}}),
        Error(Reason::kProviderRateLimited, {{"delivery", "not_sent"}})}) {
    failed.Landed("grant", outcome, kNow);
    EXPECT_EQ(failed.Find("grant", kNow), std::nullopt) << outcome;
  }
}

TEST(FailedRefreshes, HoldsNoMoreThanItMay) {
  FailedRefreshes failed(2);
  for (const std::string key : {"1", "2"}) {
    failed.Landed(key, Answered(Reason::kProviderUnavailable), kNow);
  }
  const absl::Time later = kNow + absl::Minutes(1);
  failed.Landed("3", Answered(Reason::kProviderUnavailable), later);
  failed.Landed("4", Answered(Reason::kProviderUnavailable), later);
  failed.Landed("5", Answered(Reason::kProviderUnavailable), later);
  EXPECT_EQ(failed.Find("3", later), std::nullopt);
  EXPECT_TRUE(failed.Find("4", later));
  EXPECT_TRUE(failed.Find("5", later));
}

}  // namespace
}  // namespace tokenbroker::broker
