#include "contract/grant_store_contract.h"
#include "gmock/gmock.h"

namespace tokenbroker::testing {
namespace {

using ::testing::AllOf;
using ::testing::Ge;
using ::testing::Gt;
using ::testing::Le;

class LimitContract : public GrantStoreContract {
 protected:
  limits::Share Take(limits::LimitStore& store, const std::string& name, int wanted,
                     std::optional<limits::Rate> rate = kRate) {
    auto share = Run(store.TakeShare(name, rate, wanted));
    EXPECT_OK(share);
    return share.value_or(limits::Share());
  }
  limits::LimitStore& here() { return harness_->limit_store(); }
  limits::LimitStore& there() { return harness_->other_limit_store(); }

  // One a minute: real time, which may count too, brings none back during a test.
  static constexpr limits::Rate kRate{.per_second = 1.0 / 60, .burst = 10};
};

TEST_F(LimitContract, GivesOneBucketToAllReplicas) {
  EXPECT_EQ(Take(here(), "op/token", 6).tokens, 6);
  EXPECT_EQ(Take(there(), "op/token", 6).tokens, 4);
  const limits::Share none = Take(here(), "op/token", 1);
  EXPECT_EQ(none.tokens, 0);
  EXPECT_THAT(none.next_token, AllOf(Gt(absl::Seconds(30)), Le(absl::Minutes(1))));
  EXPECT_EQ(none.cool_down, absl::ZeroDuration());
}

TEST_F(LimitContract, KeepsBucketsApart) {
  EXPECT_EQ(Take(here(), "op/token", 10).tokens, 10);
  EXPECT_EQ(Take(here(), "op/revocation", 10).tokens, 10);
}

TEST_F(LimitContract, FillsBucketsAtTheirRateUpToTheirBurst) {
  EXPECT_EQ(Take(here(), "op/token", 10).tokens, 10);
  Elapse(absl::Minutes(3));
  EXPECT_EQ(Take(here(), "op/token", 10).tokens, 3);
  Elapse(absl::Hours(5));
  EXPECT_EQ(Take(here(), "op/token", 20).tokens, 10);
}

TEST_F(LimitContract, GivesNoTokenTwiceToReplicasThatTakeTogether) {
  const auto taken = RunTogether(8, [&](int i) -> absl::StatusOr<limits::Share> {
    limits::LimitStore& store = i % 2 == 0 ? here() : there();
    return Run(store.TakeShare("op/token", kRate, 3));
  });
  int sum = 0;
  for (const auto& share : taken) sum += share.value_or(limits::Share()).tokens;
  EXPECT_EQ(sum, 10);
}

TEST_F(LimitContract, GivesAllThatIsWantedWhereThereIsNoRate) {
  EXPECT_EQ(Take(here(), "op/token", 1000, std::nullopt).tokens, 1000);
  EXPECT_EQ(Take(here(), "op/token", 1000, std::nullopt).tokens, 1000);
}

// R12: "too many requests", said to one replica, holds for all.
TEST_F(LimitContract, GivesNothingToAnybodyInACoolDown) {
  ASSERT_OK(Run(here().CoolDown("op/token", absl::Minutes(10))));
  for (const auto& rate : {std::optional(kRate), std::optional<limits::Rate>()}) {
    const limits::Share share = Take(there(), "op/token", 1, rate);
    EXPECT_EQ(share.tokens, 0);
    EXPECT_THAT(share.cool_down, AllOf(Gt(absl::Minutes(9)), Le(absl::Minutes(10))));
  }
  EXPECT_EQ(Take(there(), "op/revocation", 1).tokens, 1);
  Elapse(absl::Minutes(11));
  EXPECT_EQ(Take(there(), "op/token", 1).tokens, 1);
}

TEST_F(LimitContract, NeverShortensACoolDown) {
  ASSERT_OK(Run(here().CoolDown("op/token", absl::Minutes(30))));
  ASSERT_OK(Run(there().CoolDown("op/token", absl::Minutes(1))));
  EXPECT_THAT(Take(here(), "op/token", 1).cool_down, Ge(absl::Minutes(29)));
}

TEST_F(LimitContract, TakesNoCoolDownOfMoreThanAnHour) {
  ASSERT_OK(Run(here().CoolDown("op/token", absl::Hours(48))));
  EXPECT_THAT(Take(here(), "op/token", 1).cool_down, Le(absl::Hours(1)));
}

TEST_F(LimitContract, OnlyLooksWhereNothingIsWanted) {
  EXPECT_EQ(Take(here(), "op/token", 0).tokens, 0);
  EXPECT_EQ(Take(here(), "op/token", 10).tokens, 10);
}

}  // namespace
}  // namespace tokenbroker::testing
