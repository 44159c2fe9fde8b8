#include "broker/refresh.h"

#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "broker/broker_fixture.h"
#include "broker/fake_spool.h"
#include "broker/faulty_grant_store.h"
#include "broker/lifetime.h"
#include "broker/refresh_intent.h"
#include "provider/back_off.h"

namespace tokenbroker::broker {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;
using ::testing::SizeIs;

class Refreshing : public BrokerTest {
 protected:
  Refreshing() : Refreshing(std::make_unique<storage::MemoryGrantStore>(clock_)) {}
  // Before the store inside goes.
  ~Refreshing() override { runtime_.Stop(); }

  int Refreshes() const { return static_cast<int>(provider_->sent().size()) - sign_ins_; }

  grants::Grant SignInOnce(Issue issue = {.access_token = "AT1", .refresh_token = "RT1"}) {
    ++sign_ins_;
    return SignIn(std::move(issue));
  }

  grants::Grant Stored(const std::string& id) {
    auto grant = Run(store_->FindGrant(id));
    EXPECT_THAT(grant, IsOk());
    return *std::move(grant);
  }

  static absl::Status LostOnTheWire() {
    return Error(Reason::kProviderUnavailable, {{"delivery", "unknown"}});
  }
  static absl::Status Answered(Reason reason) { return Error(reason, {{"delivery", "answered"}}); }

  FaultyGrantStore* faulty_ = nullptr;
  int sign_ins_ = 0;

 private:
  explicit Refreshing(std::unique_ptr<grants::GrantStore> inner)
      : BrokerTest(std::make_unique<FaultyGrantStore>(*inner)), inner_(std::move(inner)) {
    faulty_ = static_cast<FaultyGrantStore*>(store_.get());
  }
  std::unique_ptr<grants::GrantStore> inner_;
};

// R6, R10: only a clear invalid_grant ends the grant, and nothing revives it.
TEST_F(Refreshing, EndsTheGrantOnInvalidGrantAlone) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  for (const Reason passing : {Reason::kProviderRateLimited, Reason::kProviderRejectedClient,
                               Reason::kProviderUnavailable}) {
    provider_->Answer(Fails(Answered(passing)));
    EXPECT_THAT(Get(grant.id), FailsWith(passing));
    EXPECT_EQ(Stored(grant.id).state, grants::GrantState::kActive);
    EXPECT_FALSE(Stored(grant.id).intent);
    clock_.Advance(provider::kMaxBackOff);
  }
  provider_->Answer(Fails(Answered(Reason::kReauthorizationRequired)));
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kReauthorizationRequired));
  const auto ended = Stored(grant.id);
  EXPECT_EQ(ended.state, grants::GrantState::kReauthorizationRequired);
  EXPECT_EQ(ended.ended_because, "invalid_grant");
  EXPECT_FALSE(ended.refresh_token);
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kReauthorizationRequired));
  EXPECT_EQ(Refreshes(), 4);
}

TEST_F(Refreshing, ServesTheOldTokenWhenAheadOfTimeFails) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(59) + absl::Seconds(57));  // within the margin
  provider_->Answer(Fails(Answered(Reason::kProviderUnavailable)));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  EXPECT_EQ(Refreshes(), 1);
}

// R5: without a leeway, a refresh token that may be spent is not presented while the access token
// still works, and once after that.
TEST_F(Refreshing, WaitsForTheEndOfTheAccessTokenAfterALostAnswer) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(Fails(LostOnTheWire()));
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderUnavailable));
  EXPECT_TRUE(Stored(grant.id).intent);
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  EXPECT_EQ(Refreshes(), 1);
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_FALSE(Stored(grant.id).intent);
  EXPECT_EQ(Refreshes(), 2);
}

// R5: the leeway is used promptly, since later it is over, and once.
TEST_F(Refreshing, ReplaysALostAnswerAtOnceWithinTheLeeway) {
  provider_->mutable_rules().reuse_leeway = absl::Seconds(30);
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(Fails(LostOnTheWire()));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)})), "AT2");
  EXPECT_EQ(Refreshes(), 2);
  EXPECT_EQ(provider_->sent().back(), "refresh RT1");
}

TEST_F(Refreshing, ReplaysOnceWithinTheLeewayOfTheProvider) {
  provider_->mutable_rules().reuse_leeway = absl::Seconds(30);
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(Fails(LostOnTheWire()));
  provider_->RepeatLastAnswer();
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
                FailsWith(Reason::kProviderUnavailable));
    EXPECT_EQ(Refreshes(), 2);
    clock_.Advance(absl::Seconds(5));
  }
}

// R5: a provider that fails is not asked again in the same breath, but may have acted.
TEST_F(Refreshing, ReplaysAFailureOfTheProviderLater) {
  provider_->mutable_rules().reuse_leeway = absl::Seconds(30);
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->Answer(
      Fails(Error(Reason::kProviderUnavailable, {{"delivery", "unknown"}, {"status", "502"}})));
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_TRUE(Stored(grant.id).intent);
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)})), "AT2");
  EXPECT_EQ(Refreshes(), 2);
}

// R3, R14: an answer that is refused may have spent the old refresh token all the same.
TEST_F(Refreshing, KeepsTheRefreshTokenOfAnAnswerThatIsNoTokenResponse) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->salvaged = "RT2";
  provider_->Answer(Fails(Error(Reason::kProviderResponseInvalid,
                                {{"delivery", "unknown"}, {"check", "TOKEN_TYPE_UNSUPPORTED"}})));
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_FALSE(Stored(grant.id).intent);
  provider_->salvaged.clear();
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT3"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT3");
  EXPECT_EQ(provider_->sent().back(), "refresh RT2");
}

// R3: the check is repeated, the refresh is not; the rotated token is stored before.
TEST_F(Refreshing, RepeatsTheCheckOfAnIdTokenWhoseKeysAreAway) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  Json claims = Claims("n");
  claims.erase("nonce");
  provider_->key_failures = 2;
  provider_->Answer(
      Issues({.access_token = "AT2", .refresh_token = "RT2", .id_token = claims.dump()}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_EQ(Stored(grant.id).generation, 3) << "the refresh token is stored by itself, first";
}

TEST_F(Refreshing, KeepsTheRefreshTokenWhenTheKeysStayAway) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->key_failures = 100;
  provider_->Answer(
      Issues({.access_token = "AT2", .refresh_token = "RT2", .id_token = Claims("n").dump()}));
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kProviderUnavailable));
  EXPECT_EQ(Stored(grant.id).refresh_token->Reveal(), "RT2");
  EXPECT_TRUE(Stored(grant.id).access_tokens.at({}).value == Secret("AT1"));
}

TEST_F(Refreshing, SendsAgainFreelyWhatWasNeverSent) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  for (int i = 0; i < 3; ++i) {
    provider_->Answer(Fails(Error(Reason::kProviderUnavailable, {{"delivery", "not_sent"}})));
    EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
                FailsWith(Reason::kProviderUnavailable));
  }
  EXPECT_EQ(Refreshes(), 3);
}

// R12: whoever asks again so soon gets the same answer, and the provider no request.
TEST_F(Refreshing, AsksNoMoreForAGrantThatHasJustFailed) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  for (const Reason passing : {Reason::kProviderRateLimited, Reason::kProviderRejectedClient,
                               Reason::kProviderUnavailable}) {
    const int before = Refreshes();
    provider_->Answer(Fails(Answered(passing)));
    for (int i = 0; i < 1000; ++i) EXPECT_THAT(Get(grant.id), FailsWith(passing));
    EXPECT_EQ(Refreshes(), before + 1);
    clock_.Advance(provider::kMaxBackOff);
  }
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
}

TEST_F(Refreshing, GoesBeforeTheScheduleWhereACallerWaits) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(provider_->admitted().back(), provider::Priority::kCaller);
}

// R10: where no request may leave, nothing is written down for one.
TEST_F(Refreshing, BeginsNothingWhileTheProviderIsLeftAlone) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Minutes(30));
  provider_->admission_error = WithRetryAfter(
      Error(Reason::kProviderUnavailable, {{"delivery", "not_sent"}}), absl::Seconds(3));
  const std::uint64_t generation = Stored(grant.id).generation;
  EXPECT_THAT(Get(grant.id, {.min_remaining_lifetime = absl::Minutes(45)}),
              FailsWith(Reason::kProviderUnavailable));
  EXPECT_FALSE(Stored(grant.id).intent);
  EXPECT_EQ(Stored(grant.id).generation, generation);
  EXPECT_EQ(Refreshes(), 0);
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT1");
  // The lease is free again.
  EXPECT_THAT(Run(store_->AcquireLease(grant.id, "another", absl::Minutes(1))), IsOk());
}

// ref-bad-idtoken-keeps-or-kills-rt: the new refresh token is kept, nothing is released.
TEST_F(Refreshing, KeepsTheNewRefreshTokenOfAnAnswerItRefuses) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  Json wrong = Claims("n");
  wrong["aud"] = "another";
  provider_->Answer(
      Issues({.access_token = "BAD", .refresh_token = "RT2", .id_token = wrong.dump()}));
  const auto refused = Get(grant.id);
  EXPECT_THAT(refused, FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_EQ(MetadataOf(refused.status())["check"], "AUDIENCE_MISMATCH");
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT3"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT3");
  EXPECT_EQ(provider_->sent().back(), "refresh RT2");
}

TEST_F(Refreshing, EndsAGrantWhoseRefreshSpeaksOfSomebodyElse) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  Json wrong = Claims("n");
  wrong["sub"] = "mallory";
  wrong.erase("nonce");
  provider_->Answer(
      Issues({.access_token = "BAD", .refresh_token = "RT2", .id_token = wrong.dump()}));
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kProviderResponseInvalid));
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kReauthorizationRequired));
}

TEST_F(Refreshing, IsDiscardedWhenTheGrantIsRevokedMeanwhile) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Now([&](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
    // On another thread, since this one is the refresh's.
    const auto revoked = std::async(std::launch::async, [&] {
                           return Run(broker_->RevokeGrant(asker_, grant.id, InTime())).status();
                         }).get();
    if (!revoked.ok()) return revoked;
    return oauth::TokenResponse{
        .access_token = Secret("AT2"), .token_type = "Bearer", .refresh_token = Secret("RT2")};
  }));
  EXPECT_THAT(Get(grant.id), FailsWith(Reason::kReauthorizationRequired));
  EXPECT_EQ(Stored(grant.id).state, grants::GrantState::kRevoked);
  while (provider_->revoked().size() < 4) std::this_thread::yield();
  EXPECT_THAT(provider_->revoked(), ElementsAre("RT1", "AT1", "RT2", "AT2"));
}

// R4: hanging up stops nothing.
TEST_F(Refreshing, GoesOnWithoutTheCaller) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  std::promise<void> answer_now;
  auto gate = std::make_shared<std::shared_future<void>>(answer_now.get_future().share());
  provider_->Answer(Now([gate](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
    gate->wait();
    return oauth::TokenResponse{.access_token = Secret("AT2"),
                                .token_type = "Bearer",
                                .lifetime = absl::Hours(1),
                                .refresh_token = Secret("RT2")};
  }));
  AccessTokenQuery query{.selector = ByGrantId{grant.id}};
  EXPECT_THAT(
      Run(broker_->GetAccessToken(asker_, std::move(query), clock_.Now() + absl::Milliseconds(20))),
      FailsWith(Reason::kDeadlineExceeded));
  answer_now.set_value();
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(Refreshes(), 1);
}

// An answer that comes when the test says so.
class HeldBack {
 public:
  FakeProvider::TokenAnswer Answer(std::string access_token, std::string refresh_token) {
    return Now([gate = gate_, access_token,
                refresh_token](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
      gate.wait();
      return oauth::TokenResponse{.access_token = Secret(access_token),
                                  .token_type = "Bearer",
                                  .lifetime = absl::Hours(1),
                                  .refresh_token = Secret(refresh_token)};
    });
  }
  void Come() { come_.set_value(); }

 private:
  std::promise<void> come_;
  const std::shared_future<void> gate_ = come_.get_future().share();
};

void WaitUntil(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::yield();
}

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

bool IsIntent(const grants::GrantCommit& commit) {
  return commit.grant.intent && commit.grant.generation == commit.expected_generation;
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

// R3: what the store does not take is put on disk at once, and leaves it when the store has it.
TEST_F(Refreshing, SpoolsAnAnswerWhileTheStoreIsAway) {
  FakeSpool spool;
  broker_ = AddReplica({.replica = "spooling", .spool = &spool});
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Now([&](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
    faulty_->FailCalls(1, 1, FaultyGrantStore::Fault::kRefused);
    return oauth::TokenResponse{
        .access_token = Secret("AT2"), .token_type = "Bearer", .refresh_token = Secret("RT2")};
  }));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_EQ(spool.puts(), 1);
  EXPECT_TRUE(spool.empty());
}

TEST_F(Refreshing, SpoolsEveryAnswerWhereThatIsAskedFor) {
  FakeSpool spool;
  broker_ =
      AddReplica({.replica = "spooling", .spool = &spool, .spool_when = SpoolWhen::kEveryAnswer});
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  EXPECT_GE(spool.puts(), 1);
  EXPECT_TRUE(spool.empty());
}

class Spooled : public Refreshing {
 protected:
  // What a former process would have stored: the grant as it is now, with these tokens.
  grants::GrantCommit AnswerFor(const std::string& id, std::string access, std::string refresh) {
    grants::Grant next = Stored(id);
    const std::uint64_t generation = next.generation;
    next.generation = generation + 1;
    next.refresh_token = Secret(refresh);
    next.access_tokens[{}] = {.value = Secret(access),
                              .token_type = "Bearer",
                              .expires_at = clock_.Now() + absl::Hours(2),
                              .obtained_at = clock_.Now()};
    return {.grant = std::move(next), .expected_generation = generation};
  }
  // A process that finds `spool` at its start.
  void Restart(FakeSpool& spool) {
    broker_ = AddReplica({.replica = "next", .spool = &spool});
    broker_->ReplaySpool();
  }

  FakeSpool spool_;
};

// R3: and no refresh of the grant goes before it, since its refresh token is spent.
TEST_F(Spooled, AnswersAreStoredAtTheNextStart) {
  const auto grant = SignInOnce();
  (void)spool_.Put("a", AnswerFor(grant.id, "AT2", "RT2"), nullptr);
  clock_.Advance(absl::Hours(1));
  faulty_->FailCalls(1, 2, FaultyGrantStore::Fault::kRefused);  // the store is slow to come back
  broker_ = AddReplica({.replica = "next", .spool = &spool_});
  auto got = std::async(std::launch::async, [&] {
    WaitUntil([&] { return faulty_->calls() >= 2; });
    return Get(grant.id);
  });
  broker_->ReplaySpool();
  EXPECT_EQ(TokenOf(got.get()), "AT2");
  EXPECT_EQ(Refreshes(), 0);
  WaitUntil([&] { return spool_.empty(); });
  EXPECT_EQ(Stored(grant.id).refresh_token->Reveal(), "RT2");
}

TEST_F(Spooled, AnswersAreDiscardedWhereTheGrantHasMovedOn) {
  const auto grant = SignInOnce();
  (void)spool_.Put("a", AnswerFor(grant.id, "AT2", "RT2"), nullptr);
  auto newer = AnswerFor(grant.id, "AT3", "RT3");
  ASSERT_THAT(Run(store_->CommitGrant(std::move(newer))), IsOk());
  Restart(spool_);
  WaitUntil([&] { return spool_.empty(); });
  EXPECT_EQ(Stored(grant.id).refresh_token->Reveal(), "RT3");
  EXPECT_TRUE(provider_->revoked().empty());
}

TEST_F(Spooled, AnswersAreRevokedWhereTheGrantHasEnded) {
  const auto grant = SignInOnce();
  (void)spool_.Put("a", AnswerFor(grant.id, "AT2", "RT2"), nullptr);
  ASSERT_THAT(
      Run(store_->EndGrant(grant.id, grants::GrantState::kRevoked, "logout", absl::Hours(1))),
      IsOk());
  Restart(spool_);
  WaitUntil([&] { return provider_->revoked().size() == 2; });
  EXPECT_THAT(provider_->revoked(), ElementsAre("RT2", "AT2"));
  WaitUntil([&] { return spool_.empty(); });
  EXPECT_EQ(Stored(grant.id).state, grants::GrantState::kRevoked);
}

TEST_F(Spooled, AnswersAreSetAsideWhereThereIsNoSuchGrant) {
  const auto grant = SignInOnce();
  auto stray = AnswerFor(grant.id, "AT2", "RT2");
  stray.grant.id = "nowhere";
  (void)spool_.Put("a", stray, nullptr);
  Restart(spool_);
  WaitUntil([&] { return spool_.aside() == 1; });
}

struct StoreFault {
  FaultyGrantStore::Fault fault;
  int length;
};

class RefreshUnderFaults : public Refreshing, public ::testing::WithParamInterface<StoreFault> {};

// The store fails at the N-th call of a refresh, for every N: no refresh token may be lost, none
// sent twice, and the grant must give a token as soon as the store is back.
TEST_P(RefreshUnderFaults, LoseNoRefreshToken) {
  const int kMostCalls = 16;
  for (int failing = 1; failing < kMostCalls; ++failing) {
    SCOPED_TRACE(failing);
    const auto grant = SignInOnce();
    clock_.Advance(absl::Hours(1));
    const std::string n = std::to_string(failing);
    provider_->Answer(Issues({.access_token = "A" + n, .refresh_token = "R" + n}));
    faulty_->FailCalls(failing, GetParam().length, GetParam().fault);
    const auto first = Get(grant.id);
    const int calls = faulty_->calls();
    faulty_->FailCalls(0, 0, GetParam().fault);
    EXPECT_THAT(first,
                AnyOf(IsOk(), FailsWith(Reason::kStoreUnavailable), FailsWith(Reason::kLeaseHeld)));
    clock_.Advance(absl::Seconds(20));  // a lease whose answer was lost runs out
    const auto second = Get(grant.id);
    EXPECT_EQ(TokenOf(second), "A" + n);
    const auto stored = Stored(grant.id);
    EXPECT_EQ(stored.refresh_token->Reveal(), "R" + n);
    EXPECT_EQ(Refreshes(), 1) << "the old refresh token was presented twice";
    sign_ins_ = static_cast<int>(provider_->sent().size());
    if (calls < failing) return;  // the fault came after the last call: all were walked
  }
  FAIL() << "a refresh takes more store calls than this test walks";
}

INSTANTIATE_TEST_SUITE_P(EveryCall, RefreshUnderFaults,
                         ::testing::Values(StoreFault{FaultyGrantStore::Fault::kRefused, 1},
                                           StoreFault{FaultyGrantStore::Fault::kRefused, 3},
                                           StoreFault{FaultyGrantStore::Fault::kLost, 1}),
                         [](const auto& row) {
                           return std::string(row.param.fault == FaultyGrantStore::Fault::kLost
                                                  ? "Lost"
                                                  : "Refused") +
                                  std::to_string(row.param.length);
                         });

TEST(RefreshTime, IsSpreadAndStable) {
  const absl::Time begin = absl::FromUnixSeconds(1000000);
  const grants::AccessToken token{.expires_at = begin + absl::Seconds(1000), .obtained_at = begin};
  const RefreshRules rules;
  absl::Time earliest = absl::InfiniteFuture();
  absl::Time latest = absl::InfinitePast();
  for (int i = 0; i < 1000; ++i) {
    const absl::Time at = RefreshAfter(std::to_string(i), token, rules);
    EXPECT_EQ(at, RefreshAfter(std::to_string(i), token, rules));
    earliest = std::min(earliest, at);
    latest = std::max(latest, at);
  }
  EXPECT_GE(earliest, begin + absl::Seconds(750));
  EXPECT_LE(latest, begin + absl::Seconds(850));
  EXPECT_GT(latest - earliest, absl::Seconds(90));
}

TEST(RefreshTime, HasAFloorAndEndsWithTheToken) {
  const absl::Time begin = absl::FromUnixSeconds(1000000);
  const RefreshRules rules{.floor = absl::Seconds(30)};
  const grants::AccessToken shortish{.expires_at = begin + absl::Seconds(35), .obtained_at = begin};
  EXPECT_EQ(RefreshAfter("g", shortish, rules), begin + absl::Seconds(30));
  const grants::AccessToken brief{.expires_at = begin + absl::Seconds(2), .obtained_at = begin};
  EXPECT_EQ(RefreshAfter("g", brief, rules), begin + absl::Seconds(2));
}

}  // namespace
}  // namespace tokenbroker::broker
