#include "broker/refresh.h"

#include <chrono>
#include <functional>
#include <future>
#include <thread>

#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "broker/lifetime.h"
#include "broker/refresh_fixture.h"
#include "provider/back_off.h"

namespace tokenbroker::broker {
namespace {

using ::testing::AnyOf;
using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;
using ::testing::SizeIs;

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

// Nobody knows when on its way back the answer's token was made.
TEST_F(Refreshing, CountsTheLifetimeOfATokenFromTheRequest) {
  const auto grant = SignInOnce();
  clock_.Advance(absl::Hours(1));
  const absl::Time sent_at = clock_.Now();
  provider_->Answer(Now([this](const auto&) -> absl::StatusOr<oauth::TokenResponse> {
    clock_.Advance(absl::Minutes(1));
    return oauth::TokenResponse{.access_token = Secret("AT2"),
                                .token_type = "Bearer",
                                .lifetime = absl::Hours(1),
                                .refresh_token = Secret("RT2")};
  }));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  const grants::Grant stored = Stored(grant.id);
  EXPECT_EQ(stored.access_tokens.at({}).expires_at, sent_at + absl::Hours(1));
  EXPECT_EQ(stored.last_refreshed_at, sent_at + absl::Minutes(1));
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
