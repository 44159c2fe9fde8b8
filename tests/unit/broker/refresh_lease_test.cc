// One refresh of a grant at a time: leases, the intents under them, and whoever waits.
#include <functional>
#include <future>
#include <thread>

#include "broker/lease_renewal.h"
#include "broker/refresh_fixture.h"
#include "broker/refresh_intent.h"

namespace tokenbroker::broker {
namespace {

using testing::FailsWith;
using testing::IsOk;

// R2: a provider that takes ten times the lease costs nobody the lease. Every renewal is waited
// for, and leases go by the clock of the test.
TEST_F(Refreshing, KeepsItsLeaseForTenTimesItsLifetime) {
  Client client = MakeClient(provider_);
  client.refresh.lease = absl::Milliseconds(30);
  UseClient(std::move(client));
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  HeldBack answer;
  provider_->Answer(answer.Answer("AT2", "RT2"));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitUntil([&] { return Refreshes() == 1; });
  for (int half = 0; half < 20; ++half) {
    const int renewals = faulty_->renewals();
    clock_.Advance(absl::Milliseconds(15));
    WaitUntil([&] { return faulty_->renewals() >= renewals + 2; });
    EXPECT_THAT(Run(store_->AcquireLease(grant.id, "thief", absl::Minutes(1))),
                FailsWith(Reason::kLeaseHeld));
  }
  answer.Come();
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// R2, R5: one that an outage of the store has cost it is taken again while the provider answers:
// whoever finds it free takes the sender for dead.
TEST_F(Refreshing, TakesALeaseAgainThatTheStoreHasLost) {
  Client client = MakeClient(provider_);
  client.refresh.lease = absl::Milliseconds(30);
  UseClient(std::move(client));
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  HeldBack answer;
  provider_->Answer(answer.Answer("AT2", "RT2"));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitUntil([&] { return Refreshes() == 1; });
  const int acquisitions = faulty_->acquisitions();
  clock_.Advance(absl::Minutes(1));
  WaitUntil([&] { return faulty_->acquisitions() > acquisitions; });
  const int renewals = faulty_->renewals();
  WaitUntil([&] { return faulty_->renewals() > renewals; });
  EXPECT_THAT(Run(store_->AcquireLease(grant.id, "thief", absl::Minutes(1))),
              FailsWith(Reason::kLeaseHeld));
  answer.Come();
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_THAT(Run(store_->AcquireLease(grant.id, "next", absl::Minutes(1))), IsOk());
}

// R2: what another has sent under it since is not hidden by that.
TEST_F(Refreshing, LeavesALeaseUnderWhichAnotherMayHaveSent) {
  const auto grant = SignInOnce();
  const absl::Duration lifetime = absl::Milliseconds(30);
  const auto lease = Run(store_->AcquireLease(grant.id, "mine", lifetime));
  ASSERT_THAT(lease, IsOk());
  const int acquisitions = faulty_->acquisitions();
  const LeaseRenewal renewal(runtime_, clock_, *store_, *lease, lifetime, clock_.Now());
  renewal.Guard({.holder = "mine", .fence = lease->fence, .sent_at = clock_.Now()});
  clock_.Advance(absl::Minutes(1));
  WaitUntil([&] { return faulty_->acquisitions() > acquisitions; });
  WaitUntil([&] { return Run(store_->AcquireLease(grant.id, "other", absl::Minutes(1))).ok(); });
  EXPECT_EQ(renewal.lease().fence, lease->fence);
  EXPECT_FALSE(renewal.IsOurs()());
}

// A replica that is stopped for longer than its lease and goes on as if nothing had been.
class Sleeping : public Refreshing {
 protected:
  // Sleeps at the first commit of an intent from now on, or at the one `passed` later, and lets
  // `meanwhile` happen.
  void SleepAfterIntent(absl::Duration how_long, std::function<void()> meanwhile, int passed = 0) {
    faulty_->OnCommits({}, [=, this, left = passed](const grants::GrantCommit& commit) mutable {
      if (!IsIntent(commit) || left-- != 0) return absl::OkStatus();
      clock_.Advance(how_long);
      std::async(std::launch::async, meanwhile).get();
      return absl::OkStatus();
    });
  }

  // What another replica does that has the lease by then.
  void RefreshElsewhere(const std::string& id) {
    auto lease = Run(store_->AcquireLease(id, "other", absl::Minutes(1)));
    ASSERT_THAT(lease, IsOk());
    grants::Grant next = Stored(id);
    const std::uint64_t generation = next.generation++;
    next.intent.reset();
    next.refresh_token = Secret("RT2");
    next.access_tokens[{}] = {.value = Secret("AT2"),
                              .token_type = "Bearer",
                              .expires_at = clock_.Now() + absl::Hours(1),
                              .obtained_at = clock_.Now()};
    ASSERT_THAT(Run(store_->CommitGrant({.grant = std::move(next),
                                         .expected_generation = generation,
                                         .lease = *lease,
                                         .release_lease = true})),
                IsOk());
  }
};

// R2: the request would be the next thing that it does; another has made it by then.
TEST_F(Sleeping, ReplicaSendsNothingThatAnotherMayHaveSent) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  SleepAfterIntent(absl::Seconds(20), [&] { RefreshElsewhere(grant.id); });
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 0);
  EXPECT_EQ(Stored(grant.id).refresh_token->Reveal(), "RT2");
}

// R2: its own intent does not hold it up, since it knows that nothing came of it.
TEST_F(Sleeping, ReplicaTakesItsLeaseAgainWhereNobodyHasIt) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  SleepAfterIntent(absl::Seconds(20), [] {});
  const int before = faulty_->acquisitions();
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)})), "AT2");
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_EQ(faulty_->acquisitions() - before, 2);
}

// R2: connecting to the provider takes time as well.
TEST_F(Sleeping, ReplicaSendsNothingWhereItSleepsWhileItConnects) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  bool slept = false;
  provider_->before_refresh = [&] {
    if (std::exchange(slept, true)) return;
    clock_.Advance(absl::Seconds(20));
    std::async(std::launch::async, [&] { RefreshElsewhere(grant.id); }).get();
  };
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

TEST_F(Sleeping, ReplicaRenewsALeaseThatIsNotFreshBeforeItSends) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  const absl::Duration lease = clients_->FindAny("shop")->refresh.lease;
  int renewals = 0;
  SleepAfterIntent(lease / 2, [&] { renewals = faulty_->renewals(); });
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_GE(faulty_->renewals(), renewals + 1);
  EXPECT_EQ(Refreshes(), 1);
}

// R2, R5: the same before a replay.
TEST_F(Sleeping, ReplicaReplaysNothingThatAnotherMayHaveReplayed) {
  provider_->mutable_rules().reuse_leeway = absl::Minutes(5);
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Fails(LostOnTheWire()));
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  SleepAfterIntent(absl::Seconds(20), [&] { RefreshElsewhere(grant.id); }, /*passed=*/1);
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
}

// R13: whose lease went before the intent was stored waits for the one who has it.
TEST_F(Sleeping, ReplicaGetsWhatTheNewOwnerBrings) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  bool slept = false;
  faulty_->OnCommits(
      [&](const grants::GrantCommit& commit) {
        if (!IsIntent(commit) || std::exchange(slept, true)) return absl::OkStatus();
        clock_.Advance(absl::Seconds(20));
        std::async(std::launch::async, [&] { RefreshElsewhere(grant.id); }).get();
        return absl::OkStatus();
      },
      {});
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

TEST_F(Sleeping, ReplicaGoesOnWhereNobodyElseHasTheGrant) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  bool slept = false;
  faulty_->OnCommits(
      [&](const grants::GrantCommit& commit) {
        if (IsIntent(commit) && !std::exchange(slept, true)) clock_.Advance(absl::Seconds(20));
        return absl::OkStatus();
      },
      {});
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// A replica that sent a refresh token and is not heard of any more.
class Orphaned : public Sleeping {
 protected:
  // A grant whose access token has run out, with the intent of another replica, sent just now.
  grants::Grant SignInAndLoseTheSender() {
    auto grant = SignInOnce();
    clock_.Advance(absl::Hours(2));
    grants::Grant marked = Stored(grant.id);
    marked.intent = grants::RefreshIntent{.holder = "gone/7", .fence = 1, .sent_at = clock_.Now()};
    const std::uint64_t generation = marked.generation;
    EXPECT_THAT(
        Run(store_->CommitGrant({.grant = std::move(marked), .expected_generation = generation})),
        IsOk());
    return grant;
  }
  absl::Duration Lease() const { return clients_->FindAny("shop")->refresh.lease; }
  // What a flight that waits looks at is there: it looks now.
  void LetLook(const std::string& id) { changes_.OnGrantChanged(id); }
  // Lets a flight look again and again, until it has made so many calls more.
  void WaitForLooks(const std::string& id, int more) {
    const int before = faulty_->calls();
    WaitUntil([&] {
      LetLook(id);
      return faulty_->calls() >= before + more;
    });
  }
};

// R5: it may be cut off from the store with the new refresh token in its hands.
TEST_F(Orphaned, GrantIsLeftToItsSenderForAWhile) {
  const auto grant = SignInAndLoseTheSender();
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  clock_.Advance(2 * Lease() - absl::Seconds(1));
  WaitForLooks(grant.id, 2);
  RefreshElsewhere(grant.id);
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

// R13: and not for longer, since the one who asks has no token meanwhile.
TEST_F(Orphaned, GrantIsRefreshedWhenItsSenderDoesNotComeBack) {
  const auto grant = SignInAndLoseTheSender();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  EXPECT_EQ(Refreshes(), 0);
  clock_.Advance(2 * Lease());
  WaitUntil([&] {
    LetLook(grant.id);
    return got.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// R5: its part of the store has just come back, and with it perhaps whoever has the answer.
TEST_F(Orphaned, GrantIsLeftToItsSenderAfterAnOutageOfItsPart) {
  const auto grant = SignInAndLoseTheSender();
  clock_.Advance(absl::Hours(1));
  faulty_->set_seen_since(clock_.Now());
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  clock_.Advance(kLongestReturn + kLongestRetry - absl::Seconds(1));
  WaitForLooks(grant.id, 2);
  RefreshElsewhere(grant.id);
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

// R13: what became of other parts is of no matter.
TEST_F(Orphaned, GrantDoesNotWaitForOtherPartsOfTheStore) {
  const auto grant = SignInAndLoseTheSender();
  clock_.Advance(absl::Hours(1));
  changes_.OnChangesLost();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  EXPECT_EQ(Refreshes(), 0);
  changes_.OnChangesSeenAgain();
  clock_.Advance(kLongestRetry);
  WaitUntil([&] {
    LetLook(grant.id);
    return got.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// R5: while the store refuses changes, whoever has the answer waits as we do: the time counts from
// when it took one.
TEST_F(Orphaned, GrantIsLeftToItsSenderFromWhenTheStoreTakesChanges) {
  const auto grant = SignInAndLoseTheSender();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  const auto lease = Run(store_->AcquireLease(grant.id, "refuses all", absl::Hours(1)));
  ASSERT_THAT(lease, IsOk());
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  clock_.Advance(absl::Seconds(15));
  ASSERT_THAT(Run(store_->ReleaseLease(*lease)), IsOk());
  WaitForLooks(grant.id, 8);
  EXPECT_EQ(Refreshes(), 0);
  RefreshElsewhere(grant.id);
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

// R5: a wait in which the store refused changes was none.
TEST_F(Orphaned, GrantIsLeftToItsSenderAnewWhereTheStoreRefusesChangesMeanwhile) {
  const auto grant = SignInAndLoseTheSender();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  faulty_->set_touches_refused(true);
  WaitUntil([&] {
    LetLook(grant.id);
    return got.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  EXPECT_THAT(got.get(), FailsWith(Reason::kStoreUnavailable));
  clock_.Advance(absl::Hours(1));
  faulty_->set_touches_refused(false);
  got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForLooks(grant.id, 6);
  EXPECT_EQ(Refreshes(), 0);
  RefreshElsewhere(grant.id);
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

// R13: its sender had no answer, and has said so.
TEST_F(Orphaned, GrantIsNotLeftToASenderWhoseAnswerWasLost) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(Fails(LostOnTheWire()));
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderUnavailable));
  grants::Grant open = Stored(grant.id);
  ASSERT_TRUE(open.intent);
  EXPECT_EQ(open.intent->holder, "");
  // As another replica finds it, when no token lives any more.
  clock_.Advance(absl::Minutes(30));
  open.intent->fence += 1;
  open.intent->sent_at = clock_.Now();
  const std::uint64_t generation = open.generation;
  ASSERT_THAT(
      Run(store_->CommitGrant({.grant = std::move(open), .expected_generation = generation})),
      IsOk());
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 2);
}

// R5: after an outage the one with the answer needs time to notice, however old its intent is.
TEST(AnswerMayCome, CountsFromWhenTheStoreWasThere) {
  const absl::Time sent = absl::FromUnixSeconds(1000000);
  const grants::RefreshIntent intent{.holder = "gone/7", .sent_at = sent};
  const absl::Duration lease = absl::Seconds(5);
  const absl::Time long_ago = sent - absl::Hours(1);
  // Heard of everything all the time.
  EXPECT_EQ(AnswerMayComeUntil(intent, lease, long_ago, sent), sent + 2 * lease);
  // Met late: a moment, since the store may have refused changes until now.
  const absl::Time later = sent + absl::Hours(1);
  EXPECT_EQ(AnswerMayComeUntil(intent, lease, long_ago, later), later + absl::Seconds(2));
  // The store was away until now.
  EXPECT_EQ(AnswerMayComeUntil(intent, lease, later, later), later + absl::Seconds(5));
  // Nobody knows since when: not later than it took a change.
  EXPECT_EQ(AnswerMayComeUntil(intent, lease, std::nullopt, later), later + absl::Seconds(5));
  // Whoever waits for the provider needs no longer than to its next renewal to have the lease
  // again.
  const absl::Duration long_lease = absl::Seconds(30);
  EXPECT_EQ(AnswerMayComeUntil(intent, long_lease, later, later), later + absl::Seconds(13));
  EXPECT_EQ(AnswerMayComeUntil(intent, long_lease, long_ago, later), later + absl::Seconds(10));
}

// R5: what was not sent, or was refused, spent nothing; that the store could not be told of it must
// not hold up the grant until its access token has ended.
TEST_F(Refreshing, KnowsItsOwnIntentsThatNothingCameOf) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  int commits = 0;
  faulty_->OnCommits(
      // Its being taken back is refused.
      [&](const grants::GrantCommit&) {
        return ++commits == 2 ? Error(Reason::kStoreUnavailable) : absl::OkStatus();
      },
      // It has the intent, and could not say so.
      [&](const grants::GrantCommit&) {
        return commits == 1 ? Error(Reason::kStoreUnavailable) : absl::OkStatus();
      });
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kStoreUnavailable));
  EXPECT_TRUE(Stored(grant.id).intent);
  EXPECT_EQ(Refreshes(), 0);
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)})), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// R5, R13: and where the store can be told, others need not wait for what was never sent.
TEST_F(Refreshing, TakesBackTheIntentOfWhatItDidNotSend) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  int intents = 0;
  faulty_->OnCommits({}, [&](const grants::GrantCommit& commit) {
    if (!IsIntent(commit) || ++intents > 1) return absl::OkStatus();
    return Error(Reason::kStoreUnavailable);
  });
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(intents, 1);
  EXPECT_FALSE(Stored(grant.id).intent);
  EXPECT_THAT(Run(store_->AcquireLease(grant.id, "other", absl::Minutes(1))), IsOk());
  EXPECT_EQ(Refreshes(), 0);
}

// R5: a try that the provider refused leaves the earlier one as unknown as it was.
TEST_F(Refreshing, TakesBackNoMoreThanItsOwnIntent) {
  provider_->mutable_rules().reuse_leeway = absl::Seconds(30);
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(
      Fails(Error(Reason::kProviderUnavailable, {{"delivery", "unknown"}, {"status", "502"}})));
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderUnavailable));
  const auto unknown = Stored(grant.id).intent;
  ASSERT_TRUE(unknown);
  provider_->Answer(Fails(Answered(Reason::kProviderRateLimited)));
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderRateLimited));
  EXPECT_EQ(Refreshes(), 2);
  EXPECT_EQ(Stored(grant.id).intent, unknown);
}

// R8, R13: flights for other selections of the grant wait in line and do not contend for its lease.
TEST_F(Refreshing, TakesTurnsWithinAReplica) {
  const auto grant = SignInOnce({.access_token = "AT1",
                                 .refresh_token = "RT1",
                                 .scopes = oauth::Scopes{"openid", "orders:read"}});
  clock_.Advance(absl::Hours(1));
  const int before = faulty_->acquisitions();
  HeldBack answer;
  provider_->Answer(answer.Answer("AT2", "RT2"));
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT3"}));
  auto all = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitUntil([&] { return Refreshes() == 1; });
  auto less = std::async(std::launch::async, [&] { return Get(grant.id, {.scopes = {"openid"}}); });
  auto more = std::async(std::launch::async, [&] {
    return Get(grant.id, {.min_remaining_lifetime = absl::Minutes(50)});
  });
  answer.Come();
  EXPECT_EQ(TokenOf(all.get()), "AT2");
  EXPECT_EQ(TokenOf(less.get()), "AT3");
  EXPECT_EQ(TokenOf(more.get()), "AT2");
  EXPECT_EQ(Refreshes(), 2);
  EXPECT_LE(faulty_->acquisitions() - before, 2);
}

// R1, R13: a replica that waits for another's refresh is told of it and gets what it brought.
TEST_F(Refreshing, IsWaitedForByOtherReplicas) {
  const auto grant = SignInOnce();
  const auto other = AddReplica({.replica = "other"});
  clock_.Advance(absl::Hours(1));
  HeldBack answer;
  provider_->Answer(answer.Answer("AT2", "RT2"));
  auto here = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitUntil([&] { return Refreshes() == 1; });
  const int before = faulty_->calls();
  auto there = std::async(std::launch::async, [&] {
    AccessTokenQuery query{.selector = ByGrantId{grant.id}};
    return Run(other->GetAccessToken(asker_, std::move(query), InTime()));
  });
  WaitUntil([&] { return faulty_->calls() >= before + 2; });
  answer.Come();
  EXPECT_EQ(TokenOf(here.get()), "AT2");
  EXPECT_EQ(TokenOf(there.get()), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// R2: a clock that was set back makes an old lease look young. It is asked for again.
TEST_F(Refreshing, BelievesInNoLeaseWhereTheClockWasSetBack) {
  const auto grant = SignInOnce();
  const absl::Duration lifetime = absl::Minutes(1);
  auto lease = Run(store_->AcquireLease(grant.id, "here", lifetime));
  ASSERT_THAT(lease, IsOk());
  const LeaseRenewal renewal(runtime_, clock_, *store_, *lease, lifetime, clock_.Now());
  EXPECT_TRUE(renewal.IsOurs()());
  clock_.Advance(absl::Hours(-1));
  EXPECT_FALSE(renewal.IsOurs()());
  const int before = faulty_->renewals();
  EXPECT_THAT(Run(renewal.Confirm()), IsOk());
  EXPECT_EQ(faulty_->renewals() - before, 1);
  EXPECT_TRUE(renewal.IsOurs()());
}

}  // namespace
}  // namespace tokenbroker::broker
