#include "provider/places.h"

#include <memory>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/manual_clock.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"

namespace tokenbroker::provider {
namespace {

using testing::FailsWith;
using testing::IsOk;
using Held = std::shared_ptr<Places::Held>;

class PlacesTest : public ::testing::Test {
 protected:
  ~PlacesTest() override { runtime_.Stop(); }

  Task<Held> Take(Priority priority) {
    return places_->Take(Urgency(priority), clock_.Now() + absl::Hours(1));
  }
  Task<bool> TakeAndGiveBack() {
    const auto held = co_await Take(Priority::kCaller);
    if (!held.ok()) co_return held.status();
    co_return true;
  }
  absl::StatusOr<Held> TakeNow(Priority priority = Priority::kCaller) {
    return RunBlocking(runtime_, Take(priority));
  }

  testing::ManualClock clock_;
  Runtime runtime_{1};
  const std::shared_ptr<Places> places_ = Places::Create(clock_, 1, 2);
};

// `st-hang-isolation`
TEST_F(PlacesTest, GivesThePlaceOnToTheMostUrgentWhoWaits) {
  absl::StatusOr<Held> held = TakeNow();
  ASSERT_THAT(held, IsOk());
  Tasks<Held> schedule(runtime_);
  Tasks<Held> caller(runtime_);
  schedule.Start(Take(Priority::kSchedule));
  Settle(runtime_);
  caller.Start(Take(Priority::kCaller));
  Settle(runtime_);
  EXPECT_THAT(places_->queued(), ::testing::ElementsAre(1, 0, 1));

  held->reset();
  auto first = caller.Finish();
  ASSERT_THAT(first.front(), IsOk());
  EXPECT_THAT(places_->queued(), ::testing::ElementsAre(0, 0, 1));
  first.clear();
  EXPECT_THAT(schedule.Finish().front(), IsOk());
  EXPECT_EQ(places_->in_flight(), 0);
}

TEST_F(PlacesTest, RefusesTheLeastUrgentWhereTooManyWait) {
  absl::StatusOr<Held> held = TakeNow();
  Tasks<Held> schedule(runtime_);
  Tasks<bool> callers(runtime_);
  schedule.Start(Take(Priority::kSchedule));
  callers.Start(TakeAndGiveBack());
  Settle(runtime_);
  callers.Start(TakeAndGiveBack());
  const auto refused = schedule.Finish();
  EXPECT_THAT(refused.front(), FailsWith(Reason::kLimitReached));
  EXPECT_TRUE(RetryAfterOf(refused.front().status()));
  EXPECT_THAT(TakeNow(), FailsWith(Reason::kLimitReached));
  held->reset();
  EXPECT_THAT(callers.Finish(), ::testing::Each(IsOk()));
}

TEST_F(PlacesTest, LetsNobodyWaitBeyondItsDeadline) {
  absl::StatusOr<Held> held = TakeNow();
  const auto late = RunBlocking(
      runtime_, places_->Take(Urgency(Priority::kCaller), clock_.Now() - absl::Seconds(1)));
  EXPECT_THAT(late, FailsWith(Reason::kLimitReached));
  EXPECT_TRUE(RetryAfterOf(late.status()));
  EXPECT_THAT(places_->queued(), ::testing::ElementsAre(0, 0, 0));
  held->reset();
  EXPECT_THAT(TakeNow(), IsOk());
}

TEST_F(PlacesTest, LosesNoPlaceToWhoeverGivesUp) {
  absl::StatusOr<Held> held = TakeNow();
  Tasks<Held> cancelled(runtime_);
  const SpawnedTask waiting = cancelled.Start(Take(Priority::kCaller));
  Settle(runtime_);
  waiting.Cancel();
  EXPECT_THAT(cancelled.Finish().front(), FailsWith(Reason::kCancelled));
  held->reset();
  EXPECT_EQ(places_->in_flight(), 0);
  EXPECT_THAT(TakeNow(), IsOk());
}

}  // namespace
}  // namespace tokenbroker::provider
