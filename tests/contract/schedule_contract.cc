#include <set>

#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::Grant;
using grants::GrantCommit;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kVisibility = absl::Minutes(1);

class ScheduleContract : public GrantStoreContract {
 protected:
  Grant Scheduled(const std::string& id, absl::Time when) {
    Grant grant = SampleGrant(id, Now());
    grant.next_refresh_at = when;
    return Created(std::move(grant));
  }
  std::vector<std::string> Due(std::size_t limit = 100) {
    const auto due = Run(other_replica().ClaimDue(Now(), limit, kVisibility));
    EXPECT_OK(due);
    return due.ok() ? *due : std::vector<std::string>{};
  }
};

TEST_F(ScheduleContract, HasAGrantFromItsTimeOn) {
  Scheduled("grant", Now() + absl::Seconds(10));
  Created("never");
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(absl::Seconds(10));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
}

TEST_F(ScheduleContract, HidesWhatIsClaimedForAWhile) {
  Scheduled("grant", Now());
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(kVisibility - absl::Seconds(1));
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(absl::Seconds(1));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
}

TEST_F(ScheduleContract, FollowsTheCommit) {
  const Grant created = Scheduled("grant", Now());
  GrantCommit commit = NextGeneration(created);
  commit.grant.next_refresh_at = Now() + absl::Minutes(5);
  ASSERT_OK(Run(store().CommitGrant(std::move(commit))));
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(absl::Minutes(5));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));

  GrantCommit sooner = NextGeneration(Stored("grant"));
  sooner.grant.next_refresh_at = Now() + absl::Seconds(1);
  ASSERT_OK(Run(store().CommitGrant(std::move(sooner))));
  Elapse(absl::Seconds(1));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));

  GrantCommit unscheduled = NextGeneration(Stored("grant"));
  unscheduled.grant.next_refresh_at.reset();
  ASSERT_OK(Run(store().CommitGrant(std::move(unscheduled))));
  Elapse(absl::Hours(1));
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(ScheduleContract, ForgetsGrantsThatEnd) {
  Scheduled("grant", Now());
  ASSERT_OK(
      Run(store().EndGrant("grant", grants::GrantState::kRevoked, "revoked", absl::Hours(1))));
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(ScheduleContract, HandsOutNoMoreThanTheLimit) {
  for (int i = 0; i < 10; ++i) Scheduled("grant-" + std::to_string(i), Now());
  std::set<std::string> seen;
  for (const std::size_t expected : {4u, 4u, 2u, 0u}) {
    const auto due = Due(4);
    EXPECT_EQ(due.size(), expected);
    seen.insert(due.begin(), due.end());
  }
  EXPECT_EQ(seen.size(), 10u);
}

TEST_F(ScheduleContract, HandsEachGrantToOneOfManyClaimers) {
  for (int i = 0; i < 40; ++i) Scheduled("grant-" + std::to_string(i), Now());
  const auto claims =
      RunTogether(4, [this](int) { return Run(other_replica().ClaimDue(Now(), 40, kVisibility)); });
  ASSERT_EQ(CountOk(claims), 4);
  std::size_t claimed = 0;
  std::set<std::string> seen;
  for (const auto& claim : claims) {
    claimed += claim->size();
    seen.insert(claim->begin(), claim->end());
  }
  EXPECT_EQ(claimed, 40u);
  EXPECT_EQ(seen.size(), 40u);
}

}  // namespace
}  // namespace tokenbroker::testing
