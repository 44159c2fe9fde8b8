#include "broker/held_leases.h"

#include "gmock/gmock.h"

namespace tokenbroker::broker {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

grants::Lease LeaseOf(const std::string& grant_id) {
  return {.grant_id = grant_id, .holder = "here/1", .fence = 7};
}

TEST(HeldLeases, AreTakenOnceByWhoeverHandsThemBack) {
  HeldLeases leases;
  const auto one = leases.Hold(LeaseOf("one"));
  auto two = leases.Hold(LeaseOf("two"));
  two.reset();  // its refresh has an answer
  EXPECT_FALSE(one->is_handed_back());
  const auto taken = leases.TakeAll();
  ASSERT_THAT(taken, SizeIs(1));
  EXPECT_EQ(taken.front().grant_id, "one");
  EXPECT_EQ(taken.front().fence, 7u);
  EXPECT_TRUE(one->is_handed_back());
  EXPECT_THAT(leases.TakeAll(), IsEmpty());
}

TEST(HeldLeases, AreOfNoUseOnceTheProcessEnds) {
  HeldLeases leases;
  EXPECT_THAT(leases.TakeAll(), IsEmpty());
  EXPECT_TRUE(leases.Hold(LeaseOf("late"))->is_handed_back());
}

}  // namespace
}  // namespace tokenbroker::broker
