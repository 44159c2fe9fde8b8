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

TEST_F(ScheduleContract, KeepsAClaimThroughACommitThatOnlyMarksTheGrant) {
  const Grant created = Scheduled("grant", Now());
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
  const absl::Time hidden_until = Now() + kVisibility;
  GrantCommit mark{.grant = created.Copy(), .expected_generation = created.generation};
  mark.grant.intent = grants::RefreshIntent{.holder = "holder", .fence = 1, .sent_at = Now()};
  ASSERT_OK(Run(store().CommitGrant(std::move(mark))));
  EXPECT_THAT(Due(), IsEmpty());
  ASSERT_OK(Run(store().PutBack("grant", hidden_until, Now() + absl::Seconds(1))));
  Elapse(absl::Seconds(1));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
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

TEST_F(ScheduleContract, PutsBackWhatWasClaimed) {
  Scheduled("grant", Now());
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
  const absl::Time sooner = Now() + absl::Seconds(10);
  ASSERT_OK(Run(store().PutBack("grant", Now() + kVisibility, sooner)));
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(absl::Seconds(10));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
  // Also to a time after the end of the claim.
  ASSERT_OK(Run(store().PutBack("grant", Now() + kVisibility, Now() + absl::Hours(1))));
  Elapse(absl::Minutes(59));
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(absl::Minutes(1));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
}

TEST_F(ScheduleContract, LeavesWhatACommitSetInsteadOfPuttingBack) {
  const Grant created = Scheduled("grant", Now());
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
  const absl::Time hidden_until = Now() + kVisibility;
  GrantCommit commit = NextGeneration(created);
  commit.grant.next_refresh_at = Now() + absl::Minutes(5);
  ASSERT_OK(Run(store().CommitGrant(std::move(commit))));
  ASSERT_OK(Run(store().PutBack("grant", hidden_until, Now())));
  EXPECT_THAT(Due(), IsEmpty());

  Scheduled("ended", Now());
  EXPECT_THAT(Due(), UnorderedElementsAre("ended"));
  ASSERT_OK(
      Run(store().EndGrant("ended", grants::GrantState::kRevoked, "revoked", absl::Hours(1))));
  ASSERT_OK(Run(store().PutBack("ended", hidden_until, Now())));
  ASSERT_OK(Run(store().PutBack("unheard-of", hidden_until, Now())));
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(ScheduleContract, SchedulesActiveGrantsThatHaveNoEntry) {
  Created("never");
  Scheduled("later", Now() + absl::Minutes(5));
  Created("ended");
  ASSERT_OK(
      Run(store().EndGrant("ended", grants::GrantState::kRevoked, "revoked", absl::Hours(1))));
  for (const char* id : {"never", "later", "ended", "unheard-of"}) {
    ASSERT_OK(Run(store().Schedule(id, Now() + absl::Minutes(1))));
  }
  EXPECT_THAT(Due(), IsEmpty());
  Elapse(absl::Minutes(1));
  EXPECT_THAT(Due(), UnorderedElementsAre("never"));
}

TEST_F(ScheduleContract, SaysWhenToLookAgain) {
  EXPECT_THAT(Due(), IsEmpty());
  Scheduled("grant", Now() + absl::Seconds(10));
  const auto next = Run(other_replica().NextDue());
  ASSERT_OK(next);
  EXPECT_LE(*next, Now() + absl::Seconds(10));
  EXPECT_GT(*next, Now());
  Elapse(absl::Seconds(10));
  EXPECT_THAT(Due(), UnorderedElementsAre("grant"));
  const auto after = Run(other_replica().NextDue());
  ASSERT_OK(after);
  EXPECT_GT(*after, Now());
}

TEST_F(ScheduleContract, SummarizesWhatThereIs) {
  const auto nothing = Run(store().SummarizeSchedule(Now()));
  ASSERT_OK(nothing);
  EXPECT_EQ(nothing->scheduled, 0u);
  EXPECT_FALSE(nothing->first);
  for (int i = 0; i < 5; ++i) Scheduled("grant-" + std::to_string(i), Now() + absl::Minutes(i));
  Created("never");
  Elapse(absl::Minutes(2));
  const auto summary = Run(store().SummarizeSchedule(Now()));
  ASSERT_OK(summary);
  EXPECT_EQ(summary->scheduled, 5u);
  EXPECT_EQ(summary->overdue, 3u);
  EXPECT_EQ(summary->first, Now() - absl::Minutes(2));
  EXPECT_EQ(Due().size(), 3u);
  EXPECT_EQ(Run(store().SummarizeSchedule(Now()))->overdue, 0u);
  EXPECT_EQ(Run(store().SummarizeSchedule(Now()))->scheduled, 5u);
}

}  // namespace
}  // namespace tokenbroker::testing
