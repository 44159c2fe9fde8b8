#include <atomic>

#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::Grant;
using grants::GrantCommit;
using grants::GrantState;
using grants::Lease;

constexpr absl::Duration kTombstoneLifetime = absl::Hours(24);

class GrantContract : public GrantStoreContract {
 protected:
  absl::StatusOr<Grant> End(const std::string& id, GrantState state = GrantState::kRevoked) {
    return Run(store().EndGrant(id, state, "revoked", kTombstoneLifetime));
  }
  absl::Status Commit(GrantCommit commit) {
    return Run(other_replica().CommitGrant(std::move(commit)));
  }
};

TEST_F(GrantContract, IsStoredWithGenerationOne) {
  Grant grant = SampleGrant("grant", Now());
  grant.intent = grants::RefreshIntent{.holder = "replica", .fence = 1, .sent_at = Now()};
  const Grant created = Created(std::move(grant));
  const auto found = Run(other_replica().FindGrant("grant"));
  ASSERT_OK(found);
  EXPECT_EQ(found->generation, 1u);
  EXPECT_EQ(EverythingIn(*found), EverythingIn(created));
}

TEST_F(GrantContract, IsUnknownUnderAnyOtherId) {
  Created("grant");
  EXPECT_THAT(Run(store().FindGrant("other")), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(End("other"), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Commit(NextGeneration(SampleGrant("other", Now()))),
              FailsWith(Reason::kGrantUnknown));
}

TEST_F(GrantContract, IsCreatedOnce) {
  const Grant grant = SampleGrant("grant", Now());
  ASSERT_OK(Run(store().CreateGrant(grant.Copy())));
  ASSERT_OK(Run(store().CreateGrant(grant.Copy())));  // the same once more: its answer was lost
  Grant different = grant.Copy();
  different.client = "other";
  EXPECT_THAT(Run(store().CreateGrant(std::move(different))),
              FailsWith(Reason::kGenerationConflict));
  EXPECT_EQ(Stored("grant").client, "web");
}

TEST_F(GrantContract, IsUnknownOnceItsEndHasCome) {
  Grant grant = SampleGrant("grant", Now());
  grant.ends_at = Now() + absl::Hours(8);
  grant.next_refresh_at = Now() + absl::Minutes(4);
  const Grant created = Created(std::move(grant));
  Elapse(absl::Hours(8) - absl::Minutes(5));
  EXPECT_OK(Run(store().FindGrant("grant")));
  Elapse(absl::Minutes(5));
  EXPECT_THAT(Run(store().FindGrant("grant")), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Commit(NextGeneration(created)), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Run(store().ClaimDue(Now(), 10, absl::Minutes(1))),
              IsOkAndHolds(::testing::IsEmpty()));
  EXPECT_THAT(Run(store().AcquireLease("grant", "holder", absl::Seconds(1))),
              FailsWith(Reason::kGrantUnknown));
}

TEST_F(GrantContract, LivesOnWhenACommitTakesItsEndAway) {
  Grant grant = SampleGrant("grant", Now());
  grant.ends_at = Now() + absl::Hours(8);
  GrantCommit commit = NextGeneration(Created(std::move(grant)));
  commit.grant.ends_at.reset();
  ASSERT_OK(Commit(std::move(commit)));
  Elapse(absl::Hours(9));
  EXPECT_OK(Run(store().FindGrant("grant")));
}

TEST_F(GrantContract, IsReplacedByACommitOfTheNextGeneration) {
  GrantCommit commit = NextGeneration(Created("grant"));
  commit.grant.refresh_token = Secret("secret-rotated");
  const Grant wanted = commit.grant.Copy();
  ASSERT_OK(Commit(std::move(commit)));
  EXPECT_EQ(EverythingIn(Stored("grant")), EverythingIn(wanted));
}

TEST_F(GrantContract, IsReplacedByACommitOfTheSameGeneration) {
  GrantCommit commit = NextGeneration(Created("grant"));
  commit.grant.generation = 1;
  commit.grant.intent = grants::RefreshIntent{.holder = "replica", .fence = 1, .sent_at = Now()};
  ASSERT_OK(Commit(std::move(commit)));
  EXPECT_EQ(Stored("grant").generation, 1u);
  EXPECT_TRUE(Stored("grant").intent.has_value());
}

TEST_F(GrantContract, RefusesACommitOnAnOlderGeneration) {
  const Grant created = Created("grant");
  ASSERT_OK(Commit(NextGeneration(created)));
  GrantCommit late = NextGeneration(created);
  late.grant.refresh_token = Secret("secret-late");
  EXPECT_THAT(Commit(std::move(late)), FailsWith(Reason::kGenerationConflict));
  GrantCommit early = NextGeneration(created);
  early.grant.generation = early.expected_generation = 3;
  EXPECT_THAT(Commit(std::move(early)), FailsWith(Reason::kGenerationConflict));
  EXPECT_EQ(*Stored("grant").refresh_token, Secret("secret-refresh-token"));
  EXPECT_EQ(Stored("grant").generation, 2u);
}

TEST_F(GrantContract, TakesTheVerySameCommitAgain) {
  const Grant created = Created("grant");
  const Lease lease = Leased("grant", "holder");
  const auto commit = [&] {
    GrantCommit once_more = NextGeneration(created);
    once_more.lease = lease;
    once_more.release_lease = true;
    return once_more;
  };
  ASSERT_OK(Commit(commit()));
  EXPECT_OK(Commit(commit()));
  EXPECT_EQ(Stored("grant").generation, 2u);

  ASSERT_OK(Commit(NextGeneration(Stored("grant"))));
  EXPECT_THAT(Commit(commit()), FailsWith(Reason::kGenerationConflict));
  EXPECT_EQ(Stored("grant").generation, 3u);
}

TEST_F(GrantContract, RefusesACommitThatCannotBeMeant) {
  const Grant created = Created("grant");
  GrantCommit ended = NextGeneration(created);
  ended.grant.state = GrantState::kRevoked;
  EXPECT_THAT(Commit(std::move(ended)), FailsWith(Reason::kInternal));
  GrantCommit leap = NextGeneration(created);
  leap.grant.generation = 3;
  EXPECT_THAT(Commit(std::move(leap)), FailsWith(Reason::kInternal));
  GrantCommit foreign = NextGeneration(created);
  foreign.lease = Lease{.grant_id = "other", .holder = "holder", .fence = 1};
  EXPECT_THAT(Commit(std::move(foreign)), FailsWith(Reason::kInternal));
  EXPECT_EQ(Stored("grant").generation, 1u);
}

TEST_F(GrantContract, LetsOneOfManyCommitsWin) {
  const Grant created = Created("grant");
  const auto commits = RunTogether(16, [&](int i) {
    GrantCommit commit = NextGeneration(created);
    commit.grant.refresh_token = Secret("secret-" + std::to_string(i));
    return Commit(std::move(commit));
  });
  EXPECT_EQ(CountOk(commits), 1);
  EXPECT_EQ(CountFailures(commits, Reason::kGenerationConflict), 15);
  EXPECT_EQ(Stored("grant").generation, 2u);
}

TEST_F(GrantContract, IsCommittedUnderItsLease) {
  const Grant created = Created("grant");
  GrantCommit commit = NextGeneration(created);
  commit.lease = Leased("grant", "holder");
  ASSERT_OK(Commit(std::move(commit)));
  EXPECT_THAT(Run(store().AcquireLease("grant", "other", absl::Minutes(1))),
              FailsWith(Reason::kLeaseHeld));
}

TEST_F(GrantContract, HandsTheLeaseBackWithTheCommitThatSaysSo) {
  const Grant created = Created("grant");
  GrantCommit commit = NextGeneration(created);
  commit.lease = Leased("grant", "holder");
  commit.release_lease = true;
  ASSERT_OK(Commit(std::move(commit)));
  EXPECT_OK(Run(store().AcquireLease("grant", "other", absl::Minutes(1))));
}

TEST_F(GrantContract, RefusesTheCommitOfALeaseThatHasRunOut) {
  const Grant created = Created("grant");
  GrantCommit commit = NextGeneration(created);
  commit.lease = Leased("grant", "holder", absl::Minutes(5));
  Elapse(absl::Minutes(6));
  EXPECT_THAT(Commit(std::move(commit)), FailsWith(Reason::kLeaseLost));
  EXPECT_EQ(EverythingIn(Stored("grant")), EverythingIn(created));
}

TEST_F(GrantContract, RefusesTheCommitOfAStaleFence) {
  const Grant created = Created("grant");
  GrantCommit stale = NextGeneration(created);
  stale.lease = Leased("grant", "holder", absl::Minutes(5));
  Elapse(absl::Minutes(6));
  const Lease current = Leased("grant", "holder");
  EXPECT_GT(current.fence, stale.lease->fence);
  EXPECT_THAT(Commit(std::move(stale)), FailsWith(Reason::kLeaseLost));
  GrantCommit commit = NextGeneration(created);
  commit.lease = current;
  EXPECT_OK(Commit(std::move(commit)));
}

TEST_F(GrantContract, EndsAsATombstoneAndIsHandedBackAsItWas) {
  Grant grant = SampleGrant("grant", Now());
  grant.intent = grants::RefreshIntent{.holder = "replica", .fence = 1, .sent_at = Now()};
  grant.next_refresh_at = Now();
  const Grant created = Created(std::move(grant));
  const auto was = End("grant");
  ASSERT_OK(was);
  EXPECT_EQ(EverythingIn(*was), EverythingIn(created));

  const Grant tombstone = Stored("grant");
  EXPECT_EQ(tombstone.state, GrantState::kRevoked);
  EXPECT_EQ(tombstone.ended_because, "revoked");
  EXPECT_EQ(tombstone.generation, 2u);
  EXPECT_EQ(tombstone.id_token.subject, created.id_token.subject);
  EXPECT_FALSE(tombstone.refresh_token.has_value());
  EXPECT_FALSE(tombstone.raw_id_token.has_value());
  EXPECT_FALSE(tombstone.nonce.has_value());
  EXPECT_FALSE(tombstone.intent.has_value());
  EXPECT_TRUE(tombstone.access_tokens.empty());
  EXPECT_THAT(Run(store().ClaimDue(Now() + absl::Hours(1), 10, absl::Minutes(1))),
              IsOkAndHolds(::testing::IsEmpty()));
}

TEST_F(GrantContract, StaysEndedAsItFirstEnded) {
  Created("grant");
  ASSERT_OK(End("grant", GrantState::kReauthorizationRequired));
  const auto again = End("grant", GrantState::kRevoked);
  ASSERT_OK(again);
  EXPECT_EQ(again->state, GrantState::kReauthorizationRequired);
  EXPECT_EQ(again->generation, 2u);
  EXPECT_EQ(EverythingIn(Stored("grant")), EverythingIn(*again));
}

TEST_F(GrantContract, IsRevivedByNoCommitOnceEnded) {
  const Grant created = Created("grant");
  const Lease lease = Leased("grant", "holder");
  ASSERT_OK(End("grant"));
  EXPECT_THAT(Commit(NextGeneration(created)), FailsWith(Reason::kGenerationConflict));
  GrantCommit fenced = NextGeneration(created);
  fenced.lease = lease;
  EXPECT_THAT(Commit(std::move(fenced)), FailsWith(Reason::kGenerationConflict));
  GrantCommit informed = NextGeneration(created);
  informed.expected_generation = 2;
  informed.grant.generation = 3;
  EXPECT_THAT(Commit(std::move(informed)), FailsWith(Reason::kGenerationConflict));
  EXPECT_THAT(Run(store().CreateGrant(SampleGrant("grant", Now()))),
              FailsWith(Reason::kGenerationConflict));
  EXPECT_EQ(Stored("grant").state, GrantState::kRevoked);
}

TEST_F(GrantContract, LosesItsLeaseWhenItEnds) {
  Created("grant");
  const Lease lease = Leased("grant", "holder");
  ASSERT_OK(End("grant"));
  EXPECT_THAT(Run(store().RenewLease(lease, absl::Minutes(5))), FailsWith(Reason::kLeaseLost));
}

TEST_F(GrantContract, IsUnknownOnceItsTombstoneHasGone) {
  const Grant created = Created("grant");
  ASSERT_OK(End("grant"));
  Elapse(kTombstoneLifetime - absl::Minutes(5));
  EXPECT_OK(Run(store().FindGrant("grant")));
  Elapse(absl::Minutes(5));
  EXPECT_THAT(Run(store().FindGrant("grant")), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Commit(NextGeneration(created)), FailsWith(Reason::kGrantUnknown));
}

TEST_F(GrantContract, EndsWhileOthersCommit) {
  Created("grant");
  std::atomic<bool> ended = false;
  const auto results = RunTogether(8, [&](int i) -> absl::Status {
    if (i == 0) {
      const auto was = End("grant");
      ended = true;
      return was.status();
    }
    while (!ended) {
      const Grant current = Stored("grant");
      if (current.state != GrantState::kActive) continue;
      const absl::Status committed = Commit(NextGeneration(current));
      if (!committed.ok() && !HasReason(committed, Reason::kGenerationConflict)) return committed;
    }
    return absl::OkStatus();
  });
  EXPECT_EQ(CountOk(results), 8);
  EXPECT_EQ(Stored("grant").state, GrantState::kRevoked);
  EXPECT_FALSE(Stored("grant").refresh_token.has_value());
}

TEST_F(GrantContract, RemembersItsLatestTouch) {
  const Grant created = Created("grant");
  const absl::Time later = Now() + absl::Minutes(3);
  ASSERT_OK(Run(other_replica().TouchGrant("grant", later)));
  EXPECT_EQ(Stored("grant").last_used_at, later);
  ASSERT_OK(Run(store().TouchGrant("grant", later - absl::Minutes(1))));
  EXPECT_EQ(Stored("grant").last_used_at, later);
  ASSERT_OK(Commit(NextGeneration(created)));  // which was read before the touch
  EXPECT_EQ(Stored("grant").last_used_at, later);
  EXPECT_OK(Run(store().TouchGrant("other", later)));
  EXPECT_THAT(Run(store().FindGrant("other")), FailsWith(Reason::kGrantUnknown));
}

TEST_F(GrantContract, TellsTheObserverBeforeAChangeReturns) {
  const Grant created = Created("grant");
  int before = observer().changes("grant");
  ASSERT_OK(Run(store().CommitGrant(NextGeneration(created))));
  EXPECT_GT(observer().changes("grant"), before);
  before = observer().changes("grant");
  ASSERT_OK(End("grant"));
  EXPECT_GT(observer().changes("grant"), before);
}

TEST_F(GrantContract, TellsTheObserverOfChangesByOtherReplicas) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  const Grant created = Created("grant");
  const Grant quiet = Created("quiet");
  int before = observer().changes("grant");
  ASSERT_OK(Run(other_replica().CommitGrant(NextGeneration(created))));
  EXPECT_TRUE(observer().WaitForChangeAfter(before, "grant"));
  before = observer().changes("grant");
  ASSERT_OK(
      Run(other_replica().EndGrant("grant", GrantState::kRevoked, "revoked", kTombstoneLifetime)));
  EXPECT_TRUE(observer().WaitForChangeAfter(before, "grant"));
}

TEST_F(GrantContract, KnowsSinceWhenNoChangeOfAGrantIsMissed) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  Created("grant");
  EXPECT_EQ(store().ChangesSeenSince("grant"), Now());
  const absl::Time since = Now();
  Elapse(absl::Minutes(1));
  EXPECT_EQ(store().ChangesSeenSince("grant"), since);
}

TEST_F(GrantContract, AnswersACheck) { EXPECT_OK(Run(store().Check())); }

}  // namespace
}  // namespace tokenbroker::testing
