#include "broker/next_step.h"

#include "broker/lifetime.h"
#include "gtest/gtest.h"

namespace tokenbroker::broker {
namespace {

using Kind = NextStep::Kind;

const absl::Time kBegin = absl::FromUnixSeconds(1767225600);

class NextStepOf : public ::testing::Test {
 protected:
  NextStepOf() {
    grant_.id = "grant";
    grant_.created_at = kBegin;
    grant_.last_used_at = kBegin;
    grant_.refresh_token = Secret("RT1");
    HoldTokenFor(absl::Hours(1));
    client_.refresh.jitter = 0;
  }

  void HoldTokenFor(absl::Duration lifetime) {
    grants::AccessToken token;
    token.obtained_at = kBegin;
    token.expires_at = kBegin + lifetime;
    grant_.access_tokens.insert_or_assign(grants::TokenSelector{}, std::move(token));
  }

  NextStep After(absl::Duration since_begin) const {
    return NextStepFor(grant_, &client_, reap_, kBegin + since_begin);
  }

  grants::Grant grant_;
  Client client_;
  ReapRules reap_;
};

TEST_F(NextStepOf, AGrantInUseIsARefreshAtItsShareOfTheLifetime) {
  EXPECT_EQ(After(absl::Minutes(47)).kind, Kind::kWait);
  EXPECT_EQ(After(absl::Minutes(47)).at, kBegin + absl::Minutes(48));
  EXPECT_EQ(After(absl::Minutes(48)).kind, Kind::kRefresh);
  EXPECT_EQ(After(absl::Hours(9)).at, kBegin + absl::Minutes(48));
}

// R15: never more often than the floor, whatever the provider says of the token's lifetime.
TEST_F(NextStepOf, R15ATokenThatLivesTooShortWaitsForTheFloor) {
  client_.refresh.floor = absl::Seconds(30);
  for (const absl::Duration lifetime :
       {absl::ZeroDuration(), absl::Seconds(1), absl::Seconds(20), -absl::Hours(1)}) {
    HoldTokenFor(lifetime);
    EXPECT_EQ(After(absl::Seconds(29)).kind, Kind::kWait) << lifetime;
    EXPECT_EQ(After(absl::Seconds(29)).at, kBegin + absl::Seconds(30)) << lifetime;
    EXPECT_EQ(After(absl::Seconds(30)).kind, Kind::kRefresh) << lifetime;
  }
}

TEST_F(NextStepOf, R15ATokenWithoutEndIsRefreshedBeforeItsRefreshTokenIsDropped) {
  HoldTokenFor(absl::Hours(24 * 3650));
  client_.refresh.refresh_token_idle_lifetime = absl::Hours(10);
  client_.grant_absolute_lifetime = absl::Hours(24 * 7300);
  EXPECT_EQ(After(absl::Hours(7)).at, kBegin + absl::Hours(8));
  EXPECT_EQ(After(absl::Hours(8)).kind, Kind::kRefresh);
}

TEST_F(NextStepOf, AnIdleGrantWaitsForItsEnd) {
  client_.refresh.idle_after = absl::Minutes(30);
  client_.grant_idle_lifetime = absl::Hours(100);
  const NextStep step = After(absl::Minutes(48));
  EXPECT_EQ(step.kind, Kind::kWait);
  EXPECT_EQ(step.at, kBegin + absl::Hours(100));
  grant_.last_used_at = kBegin + absl::Minutes(40);
  EXPECT_EQ(After(absl::Minutes(48)).kind, Kind::kRefresh);
}

TEST_F(NextStepOf, AnIdleGrantIsKeptAlive) {
  client_.refresh.idle_after = absl::Minutes(30);
  client_.refresh.refresh_token_idle_lifetime = absl::Hours(10);
  const NextStep step = After(absl::Minutes(48));
  EXPECT_EQ(step.kind, Kind::kWait);
  EXPECT_EQ(step.at, kBegin + absl::Hours(8));
  EXPECT_EQ(After(absl::Hours(8)).kind, Kind::kRefresh);
  EXPECT_EQ(After(absl::Hours(9)).at, kBegin + absl::Hours(8));
  // From the last tokens on, not from the sign-in.
  grant_.last_refreshed_at = kBegin + absl::Hours(8);
  EXPECT_EQ(After(absl::Hours(9)).at, kBegin + absl::Hours(16));
}

TEST_F(NextStepOf, AGrantPastItsEndIsDead) {
  client_.grant_idle_lifetime = absl::Hours(10);
  EXPECT_EQ(After(absl::Hours(10)).kind, Kind::kEnd);
  EXPECT_EQ(After(absl::Hours(10)).because, "expired");
  grant_.last_used_at = kBegin + absl::Hours(9);
  EXPECT_EQ(After(absl::Hours(10)).kind, Kind::kRefresh);
  client_.grant_absolute_lifetime = absl::Hours(5);
  EXPECT_EQ(After(absl::Hours(10)).kind, Kind::kEnd);
}

TEST_F(NextStepOf, AGrantWithoutItsClientStaysUnlessToldOtherwise) {
  const auto after = [&](absl::Duration since) {
    return NextStepFor(grant_, nullptr, reap_, kBegin + since);
  };
  EXPECT_EQ(after(absl::Hours(24 * 365)).kind, Kind::kWait);
  reap_.unconfigured_after = absl::Hours(24);
  EXPECT_EQ(after(absl::Hours(23)).kind, Kind::kWait);
  EXPECT_EQ(after(absl::Hours(24)).kind, Kind::kEnd);
  EXPECT_EQ(after(absl::Hours(24)).because, "client_removed");
  grant_.last_used_at = kBegin + absl::Hours(5);
  EXPECT_EQ(after(absl::Hours(24)).kind, Kind::kWait);
}

TEST_F(NextStepOf, AGrantWithoutARefreshTokenWaitsForItsEnd) {
  grant_.refresh_token.reset();
  EXPECT_EQ(After(absl::Hours(1)).kind, Kind::kWait);
  EXPECT_EQ(After(absl::Hours(1)).at, kBegin + client_.grant_idle_lifetime);
}

TEST_F(NextStepOf, AnEndedGrantIsNothing) {
  grant_.state = grants::GrantState::kRevoked;
  EXPECT_EQ(After(absl::Hours(1)).kind, Kind::kWait);
  EXPECT_EQ(After(absl::Hours(1)).at, absl::InfiniteFuture());
}

// R12: a million grants made in one minute do not refresh in one minute. A twentieth of them will
// do: what counts is the share of a minute.
TEST_F(NextStepOf, R12GrantsMadeTogetherAreNotRefreshedTogether) {
  client_.refresh.jitter = 0.05;
  constexpr int kGrants = 50'000;
  std::map<std::int64_t, int> by_minute;
  for (int i = 0; i < kGrants; ++i) {
    grant_.id = std::to_string(i);
    const absl::Time at = After(absl::Minutes(1)).at;
    EXPECT_EQ(at, After(absl::Minutes(30)).at);
    ++by_minute[absl::ToInt64Minutes(at - kBegin)];
  }
  EXPECT_GE(by_minute.begin()->first, 45);
  EXPECT_LE(by_minute.rbegin()->first, 51);
  for (const auto& [minute, grants] : by_minute) EXPECT_LT(grants, kGrants / 5) << minute;
}

}  // namespace
}  // namespace tokenbroker::broker
