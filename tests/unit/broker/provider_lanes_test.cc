#include "broker/provider_lanes.h"

#include <vector>

#include "gtest/gtest.h"

namespace tokenbroker::broker {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

int EnterUntilFull(ProviderLanes& lanes, const std::string& provider) {
  int entered = 0;
  while (lanes.Enter(provider, kNow)) ++entered;
  return entered;
}

TEST(ProviderLanes, KeepBothBounds) {
  ProviderLanes lanes({.in_all = 10, .per_provider = 4}, 3);
  EXPECT_EQ(EnterUntilFull(lanes, "a"), 4);
  EXPECT_EQ(EnterUntilFull(lanes, "b"), 3);
  EXPECT_EQ(lanes.in_all(), 7);
  lanes.Leave("a", absl::Seconds(1));
  EXPECT_EQ(EnterUntilFull(lanes, "a"), 1);
  EXPECT_EQ(lanes.by_provider(), (std::map<std::string, int>{{"a", 4}, {"b", 3}}));
}

TEST(ProviderLanes, GiveOneProviderAllThereIs) {
  ProviderLanes lanes({.in_all = 10, .per_provider = 10}, 1);
  EXPECT_EQ(EnterUntilFull(lanes, "a"), 10);
}

TEST(ProviderLanes, HaveAPlaceLeftWhileOthersAreSlow) {
  ProviderLanes lanes({.in_all = 256, .per_provider = 128}, 8);
  for (const char* slow : {"a", "b", "c", "d", "e", "f"}) EXPECT_GT(EnterUntilFull(lanes, slow), 0);
  EXPECT_TRUE(lanes.Enter("fast", kNow));
}

TEST(ProviderLanes, LetThoseWhoFoundNoPlaceComeAgainAtThePaceOfTheLane) {
  ProviderLanes lanes({.in_all = 10, .per_provider = 10}, 1);
  EXPECT_EQ(EnterUntilFull(lanes, "a"),
            10);  // each takes a second, as far as is known: ten a second
  std::vector<absl::Time> told;
  for (int i = 0; i < 100; ++i) told.push_back(lanes.ComeAgain("a", kNow));
  EXPECT_GT(told.front(), kNow);
  for (std::size_t i = 1; i < told.size(); ++i) {
    EXPECT_EQ(told[i] - told[i - 1], absl::Milliseconds(100));
  }
  // A line without end is not planned to its end, and does not come back all at once.
  for (int i = 0; i < 100'000; ++i) {
    const absl::Time again = lanes.ComeAgain("a", kNow);
    ASSERT_LE(again, kNow + absl::Minutes(5));
  }
  EXPECT_GE(lanes.ComeAgain("a", kNow), kNow + absl::Seconds(150));
}

TEST(ProviderLanes, RestWhenAskedTo) {
  ProviderLanes lanes({.in_all = 10, .per_provider = 10}, 2);
  lanes.Rest("a", kNow, kNow + absl::Seconds(20));
  EXPECT_FALSE(lanes.Enter("a", kNow));
  EXPECT_TRUE(lanes.Enter("b", kNow));
  EXPECT_GE(lanes.ComeAgain("a", kNow), kNow + absl::Seconds(20));
  EXPECT_TRUE(lanes.Enter("a", kNow + absl::Seconds(20)));
  lanes.Rest("b", kNow, kNow + absl::Hours(20));
  EXPECT_TRUE(lanes.Enter("b", kNow + absl::Minutes(1)));
}

}  // namespace
}  // namespace tokenbroker::broker
