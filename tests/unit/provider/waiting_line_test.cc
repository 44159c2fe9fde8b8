#include "provider/waiting_line.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::provider {
namespace {

using ::testing::ElementsAre;

class WaitingLineTest : public ::testing::Test {
 protected:
  WaitingLine::Place Join(Priority priority) { return Join(Urgency(priority)); }
  WaitingLine::Place Join(const Urgency& urgency) {
    auto place = std::make_shared<Waiter<bool>>();
    refused_ = line_.Join(place, urgency);
    return place;
  }

  WaitingLine line_{4};
  WaitingLine::Place refused_;
};

TEST_F(WaitingLineTest, LetsTheMostUrgentThroughFirstAndEqualsInOrder) {
  const auto schedule = Join(Priority::kSchedule);
  const auto callback = Join(Priority::kCallback);
  const auto first = Join(Priority::kCaller);
  const auto second = Join(Priority::kCaller);
  EXPECT_EQ(line_.Next(), first);
  EXPECT_EQ(line_.Next(), second);
  EXPECT_EQ(line_.Next(), callback);
  EXPECT_EQ(line_.Next(), schedule);
  EXPECT_EQ(line_.Next(), nullptr);
}

TEST_F(WaitingLineTest, MovesWhoeverIsRaisedWhileItWaits) {
  const Urgency urgency(Priority::kSchedule);
  const auto raised = Join(urgency);
  Join(Priority::kCallback);
  urgency.Raise(Priority::kCaller);
  EXPECT_EQ(line_.Next(), raised);
  urgency.Raise(Priority::kSchedule);
  EXPECT_EQ(urgency.now(), Priority::kCaller);
}

TEST_F(WaitingLineTest, LetsTheScheduleThroughAmongCallersWithoutEnd) {
  const auto schedule = Join(Priority::kSchedule);
  int before = 0;
  while (true) {
    Join(Priority::kCaller);
    if (line_.Next() == schedule) break;
    ASSERT_LE(++before, WaitingLine::kPassedOver);
  }
  EXPECT_EQ(before, WaitingLine::kPassedOver);
  // Its successor waits as long again.
  Join(Priority::kSchedule);
  const auto caller = Join(Priority::kCaller);
  EXPECT_NE(line_.Next(), schedule);
  (void)caller;
}

TEST_F(WaitingLineTest, RefusesTheLastOfTheLeastUrgentWhereItIsFull) {
  const auto kept = Join(Priority::kSchedule);
  const auto given_up = Join(Priority::kSchedule);
  Join(Priority::kCallback);
  Join(Priority::kCaller);
  EXPECT_EQ(refused_, nullptr);
  const auto caller = Join(Priority::kCaller);
  EXPECT_EQ(refused_, given_up);
  const auto late = Join(Priority::kSchedule);
  EXPECT_EQ(refused_, late);
  EXPECT_EQ(line_.size(), 4u);
  EXPECT_THAT(line_.sizes(), ElementsAre(2, 1, 1));
  (void)kept;
}

TEST_F(WaitingLineTest, ForgetsWhoeverLeaves) {
  const auto gone = Join(Priority::kCaller);
  const auto next = Join(Priority::kCaller);
  line_.Leave(gone);
  line_.Leave(gone);
  EXPECT_EQ(line_.Next(), next);
}

TEST_F(WaitingLineTest, CountsWhoIsAheadByUrgency) {
  Join(Priority::kSchedule);
  Join(Priority::kCaller);
  EXPECT_EQ(line_.Ahead(Priority::kCaller), 1);
  EXPECT_EQ(line_.Ahead(Priority::kSchedule), 2);
}

}  // namespace
}  // namespace tokenbroker::provider
