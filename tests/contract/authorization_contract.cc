#include "contract/grant_store_contract.h"

namespace tokenbroker::testing {
namespace {

using grants::ClaimedAuthorization;
using Phase = grants::ClaimedAuthorization::Phase;

class AuthorizationContract : public GrantStoreContract {
 protected:
  static Secret State(const std::string& name = "1") { return Secret("secret-state-" + name); }

  void Put(const std::string& name = "1") {
    ASSERT_OK(Run(store().PutAuthorization(State(name), SampleAuthorization(Now()))));
  }
  absl::StatusOr<ClaimedAuthorization> Claim(const std::string& digest) {
    return Run(other_replica().ClaimAuthorization(State(), digest));
  }
  absl::StatusOr<Phase> ClaimedPhase(const std::string& digest) {
    const auto claim = Claim(digest);
    if (!claim.ok()) return claim.status();
    return claim->phase;
  }
};

TEST_F(AuthorizationContract, IsFoundByItsState) {
  Put();
  const auto found = Run(other_replica().FindAuthorization(State()));
  ASSERT_OK(found);
  EXPECT_EQ(EverythingIn(*found), EverythingIn(SampleAuthorization(Now())));
}

TEST_F(AuthorizationContract, IsUnknownUnderAnyOtherState) {
  Put();
  EXPECT_THAT(Run(store().FindAuthorization(State("2"))), FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(Run(store().ClaimAuthorization(State("2"), "digest")),
              FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(Run(store().FinishAuthorization(State("2"), SampleOutcome("grant"))),
              FailsWith(Reason::kStateUnknown));
}

TEST_F(AuthorizationContract, IsClaimedOnce) {
  Put();
  EXPECT_THAT(ClaimedPhase("digest"), IsOkAndHolds(Phase::kClaimed));
  EXPECT_THAT(ClaimedPhase("digest"), IsOkAndHolds(Phase::kInProgress));
  EXPECT_THAT(ClaimedPhase("another"), FailsWith(Reason::kStateUnknown));
  EXPECT_OK(Run(store().FindAuthorization(State())));
}

TEST_F(AuthorizationContract, StaysClaimedWhenItIsPutAgain) {
  Put();
  ASSERT_OK(Claim("digest"));
  Put();
  EXPECT_THAT(ClaimedPhase("digest"), IsOkAndHolds(Phase::kInProgress));
}

TEST_F(AuthorizationContract, GivesTheSameCallbackTheSameAnswer) {
  Put();
  ASSERT_OK(Claim("digest"));
  ASSERT_OK(Run(store().FinishAuthorization(State(), SampleOutcome("grant"))));
  for (int i = 0; i < 2; ++i) {
    const auto claim = Claim("digest");
    ASSERT_OK(claim);
    EXPECT_EQ(claim->phase, Phase::kAnswered);
    ASSERT_TRUE(claim->outcome.has_value());
    EXPECT_EQ(EverythingIn(*claim->outcome), EverythingIn(SampleOutcome("grant")));
  }
  EXPECT_THAT(Claim("another"), FailsWith(Reason::kStateUnknown));
  EXPECT_OK(Run(store().FindAuthorization(State())));
}

TEST_F(AuthorizationContract, KeepsTheFirstAnswer) {
  Put();
  ASSERT_OK(Claim("digest"));
  ASSERT_OK(Run(store().FinishAuthorization(State(), SampleOutcome("first"))));
  ASSERT_OK(Run(store().FinishAuthorization(State(), SampleOutcome("second"))));
  const auto claim = Claim("digest");
  ASSERT_OK(claim);
  EXPECT_EQ(claim->outcome->grant_id, "first");
}

TEST_F(AuthorizationContract, TakesNoAnswerBeforeItIsClaimed) {
  Put();
  EXPECT_THAT(Run(store().FinishAuthorization(State(), SampleOutcome("grant"))),
              FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(ClaimedPhase("digest"), IsOkAndHolds(Phase::kClaimed));
}

TEST_F(AuthorizationContract, IsUnknownOnceSpent) {
  Put();
  ASSERT_OK(Claim("digest"));
  ASSERT_OK(Run(store().SpendAuthorization(State())));
  EXPECT_THAT(Run(store().FindAuthorization(State())), FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(Claim("digest"), FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(Run(store().FinishAuthorization(State(), SampleOutcome("grant"))),
              FailsWith(Reason::kStateUnknown));
  EXPECT_OK(Run(store().SpendAuthorization(State())));
}

TEST_F(AuthorizationContract, IsUnknownOnceExpired) {
  Put();
  Put("2");
  ASSERT_OK(Claim("digest"));
  ASSERT_OK(Run(store().FinishAuthorization(State(), SampleOutcome("grant"))));
  Elapse(absl::Minutes(5));
  EXPECT_THAT(ClaimedPhase("digest"), IsOkAndHolds(Phase::kAnswered));
  EXPECT_OK(Run(store().FindAuthorization(State("2"))));
  Elapse(absl::Minutes(5));
  EXPECT_THAT(Claim("digest"), FailsWith(Reason::kStateUnknown));
  EXPECT_THAT(Run(store().FindAuthorization(State("2"))), FailsWith(Reason::kStateUnknown));
}

TEST_F(AuthorizationContract, LetsOneOfManyClaimsWin) {
  Put();
  const auto claims = RunTogether(16, [this](int i) {
    return Run(store().ClaimAuthorization(State(), "digest-" + std::to_string(i)));
  });
  EXPECT_EQ(CountOk(claims), 1);
  EXPECT_EQ(CountFailures(claims, Reason::kStateUnknown), 15);
}

TEST_F(AuthorizationContract, TellsTheSameCallbackManyTimesThatItIsInProgress) {
  Put();
  const auto phases = RunTogether(16, [this](int) { return ClaimedPhase("digest"); });
  EXPECT_EQ(std::count(phases.begin(), phases.end(), absl::StatusOr<Phase>(Phase::kClaimed)), 1);
  EXPECT_EQ(std::count(phases.begin(), phases.end(), absl::StatusOr<Phase>(Phase::kInProgress)),
            15);
}

TEST_F(AuthorizationContract, CountsWhatACallerHasOpen) {
  const std::string caller = SampleAuthorization(Now()).caller;
  const auto open = [&] { return Run(other_replica().CountAuthorizations(caller)); };
  EXPECT_THAT(open(), IsOkAndHolds(0u));
  Put("1");
  Put("2");
  Put("3");
  EXPECT_THAT(open(), IsOkAndHolds(3u));
  EXPECT_THAT(Run(store().CountAuthorizations("spiffe://example.test/other")), IsOkAndHolds(0u));

  ASSERT_OK(Claim("digest"));
  EXPECT_THAT(open(), IsOkAndHolds(3u));
  ASSERT_OK(Run(store().FinishAuthorization(State("1"), SampleOutcome("grant"))));
  EXPECT_THAT(open(), IsOkAndHolds(2u));
  ASSERT_OK(Run(store().SpendAuthorization(State("2"))));
  EXPECT_THAT(open(), IsOkAndHolds(1u));
  Elapse(absl::Minutes(10));
  EXPECT_THAT(open(), IsOkAndHolds(0u));
}

}  // namespace
}  // namespace tokenbroker::testing
