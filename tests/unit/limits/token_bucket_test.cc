#include "limits/token_bucket.h"

#include "gtest/gtest.h"

namespace tokenbroker::limits {
namespace {

const absl::Time kStart = absl::FromUnixSeconds(1767225600);

TEST(TokenBucket, GivesABurstAndThenOneEachInterval) {
  TokenBucket bucket(2, absl::Seconds(10));
  EXPECT_TRUE(bucket.Take(kStart));
  EXPECT_TRUE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Take(kStart));
  EXPECT_FALSE(bucket.Take(kStart + absl::Seconds(9)));
  EXPECT_TRUE(bucket.Take(kStart + absl::Seconds(10)));
  EXPECT_FALSE(bucket.Take(kStart + absl::Seconds(10)));
}

TEST(TokenBucket, HoldsNoMoreThanItsBurst) {
  TokenBucket bucket(2, absl::Seconds(10));
  EXPECT_TRUE(bucket.Take(kStart));
  bucket.GiveBack();
  bucket.GiveBack();
  const absl::Time later = kStart + absl::Hours(1);
  EXPECT_TRUE(bucket.Take(later));
  EXPECT_TRUE(bucket.Take(later));
  EXPECT_FALSE(bucket.Take(later));
}

TEST(TokenBucket, RefillsAlthoughTheClockWasSetBack) {
  TokenBucket bucket(1, absl::Seconds(10));
  EXPECT_TRUE(bucket.Take(kStart));
  const absl::Time earlier = kStart - absl::Hours(1);
  EXPECT_FALSE(bucket.Take(earlier));
  EXPECT_TRUE(bucket.Take(earlier + absl::Seconds(10)));
}

}  // namespace
}  // namespace tokenbroker::limits
