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
  void WaitForReads(int more) {
    const int before = faulty_->calls();
    WaitUntil([&] { return faulty_->calls() >= before + more; });
  }
};

// R5: it may be cut off from the store with the new refresh token in its hands.
TEST_F(Orphaned, GrantIsLeftToItsSenderForAWhile) {
  const auto grant = SignInAndLoseTheSender();
  provider_->Answer(Issues({.access_token = "NEVER", .refresh_token = "NEVER"}));
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  WaitForReads(2);
  clock_.Advance(2 * Lease() - absl::Seconds(1));
  LetLook(grant.id);
  WaitForReads(1);
  RefreshElsewhere(grant.id);
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 0);
}

// R13: and not for longer, since the one who asks has no token meanwhile.
TEST_F(Orphaned, GrantIsRefreshedWhenItsSenderDoesNotComeBack) {
  const auto grant = SignInAndLoseTheSender();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  const int before = faulty_->calls();
  auto got = std::async(std::launch::async, [&] { return Get(grant.id); });
  // Looking again and again: it waits.
  WaitUntil([&] {
    LetLook(grant.id);
    return faulty_->calls() >= before + 6;
  });
  EXPECT_EQ(Refreshes(), 0);
  clock_.Advance(2 * Lease());
  WaitUntil([&] {
    LetLook(grant.id);
    return got.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  });
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 1);
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
  EXPECT_EQ(AnswerMayComeUntil(intent, lease, later, later), later + lease);
  // Nobody knows since when.
  EXPECT_EQ(AnswerMayComeUntil(intent, lease, std::nullopt, later), later + 2 * lease);
}

// R5: what was not sent, or was refused, spent nothing; that the store could not be told of it must
// not hold up the grant until its access token has ended.
TEST_F(Refreshing, KnowsItsOwnIntentsThatNothingCameOf) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  int intents = 0;
  faulty_->OnCommits({}, [&](const grants::GrantCommit& commit) {
    if (!IsIntent(commit) || ++intents > 1) return absl::OkStatus();
    return Error(Reason::kStoreUnavailable);  // it has the intent, and could not say so
  });
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kStoreUnavailable));
  EXPECT_TRUE(Stored(grant.id).intent);
  EXPECT_EQ(Refreshes(), 0);
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)})), "AT2");
  EXPECT_EQ(Refreshes(), 1);
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
