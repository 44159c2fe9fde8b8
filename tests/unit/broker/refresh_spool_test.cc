// Answers that the store does not take: on disk at once, stored by the next process.
#include <future>

#include "broker/fake_spool.h"
#include "broker/refresh_fixture.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::IsOk;

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

}  // namespace
}  // namespace tokenbroker::broker
