#include <set>

#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::Grant;
using ::testing::IsEmpty;
using ::testing::UnorderedElementsAre;

constexpr absl::Duration kInterval = absl::Hours(1);

class WalkContract : public GrantStoreContract {
 protected:
  struct Walked {
    std::size_t slices = 0;
    std::vector<std::string> unscheduled;
    std::vector<std::string> gone;
    std::size_t grants = 0;
  };

  // Takes all slices that are to be had now, and looks over each in small steps.
  Walked Walk(std::size_t limit = 3) {
    Walked walked;
    while (true) {
      const auto slice = Run(store().ClaimSlice(Now(), kInterval));
      EXPECT_OK(slice);
      if (!slice.ok() || !*slice) return walked;
      ++walked.slices;
      std::string from;
      do {
        auto found = Run(other_replica().LookOver(**slice, from, limit));
        EXPECT_OK(found);
        if (!found.ok()) return walked;
        walked.grants += found->grants;
        walked.unscheduled.insert(walked.unscheduled.end(), found->unscheduled.begin(),
                                  found->unscheduled.end());
        walked.gone.insert(walked.gone.end(), found->gone.begin(), found->gone.end());
        from = found->next;
      } while (!from.empty());
    }
  }
};

TEST_F(WalkContract, HandsOutEachSliceOnceInAnInterval) {
  Walk();
  Elapse(kInterval);
  const std::size_t all = Walk().slices;
  EXPECT_GT(all, 0u);
  EXPECT_EQ(Walk().slices, 0u);
  Elapse(kInterval - absl::Minutes(1));
  EXPECT_EQ(Walk().slices, 0u);
  Elapse(absl::Minutes(1));
  EXPECT_EQ(Walk().slices, all);
}

TEST_F(WalkContract, HandsEachSliceToOneOfManyClaimers) {
  Walk();
  Elapse(kInterval);
  const std::size_t all = Walk().slices;
  Elapse(kInterval);
  const auto claims = RunTogether(4, [this](int i) -> absl::StatusOr<std::vector<int>> {
    std::vector<int> slices;
    while (true) {
      grants::GrantStore& replica = i % 2 == 0 ? store() : other_replica();
      const auto slice = Run(replica.ClaimSlice(Now(), kInterval));
      if (!slice.ok()) return slice.status();
      if (!*slice) return slices;
      slices.push_back(**slice);
    }
  });
  ASSERT_EQ(CountOk(claims), 4);
  std::size_t claimed = 0;
  std::set<int> seen;
  for (const auto& claim : claims) {
    claimed += claim->size();
    seen.insert(claim->begin(), claim->end());
  }
  EXPECT_EQ(claimed, all);
  EXPECT_EQ(seen.size(), all);
}

TEST_F(WalkContract, FindsActiveGrantsWithoutAnEntryInTheSchedule) {
  for (int i = 0; i < 20; ++i) {
    Grant grant = SampleGrant("scheduled-" + std::to_string(i), Now());
    grant.next_refresh_at = Now() + absl::Hours(24);
    Created(std::move(grant));
  }
  Created("first");
  Created("second");
  Created("ended");
  ASSERT_OK(
      Run(store().EndGrant("ended", grants::GrantState::kRevoked, "revoked", absl::Hours(48))));
  Walk();
  Elapse(kInterval);
  const Walked walked = Walk();
  EXPECT_THAT(walked.unscheduled, UnorderedElementsAre("first", "second"));
  EXPECT_GE(walked.grants, 22u);
  ASSERT_OK(Run(store().Schedule("first", Now() + absl::Hours(24))));
  Elapse(kInterval);
  EXPECT_THAT(Walk().unscheduled, UnorderedElementsAre("second"));
}

TEST_F(WalkContract, ForgetsWhatIsGoneAndNothingElse) {
  Grant finite = SampleGrant("finite", Now());
  finite.ends_at = Now() + absl::Hours(8);
  finite.next_refresh_at = Now() + absl::Hours(7);
  Created(std::move(finite));
  Created("there");
  Walk();
  Elapse(absl::Hours(9));
  // Whatever a store leaves behind can be taken away; what is there stays whoever asks.
  while (true) {
    const auto slice = Run(store().ClaimSlice(Now(), kInterval));
    ASSERT_OK(slice);
    if (!*slice) break;
    ASSERT_OK(Run(store().ForgetGone(**slice, {"finite", "there"})));
  }
  Elapse(kInterval);
  const Walked walked = Walk();
  EXPECT_THAT(walked.gone, IsEmpty());
  EXPECT_THAT(walked.unscheduled, UnorderedElementsAre("there"));
}

}  // namespace
}  // namespace tokenbroker::testing
