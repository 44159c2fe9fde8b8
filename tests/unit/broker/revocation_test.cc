#include "broker/revocation.h"

#include <thread>

#include "broker/broker_fixture.h"
#include "broker/faulty_grant_store.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;

class Revoking : public BrokerTest {
 protected:
  RevocationQueue Queue() { return RevocationQueue(*clients_, *store_, clock_, runtime_); }

  std::vector<grants::PendingRevocation> Due() {
    auto due = Run(store_->ClaimRevocations(clock_.Now(), 10, absl::Minutes(1)));
    EXPECT_THAT(due, IsOk());
    return *std::move(due);
  }
};

// R25: the grant is gone at once, and its tokens as soon as the provider is back.
TEST_F(Revoking, GoesOnUntilTheProviderHasDoneIt) {
  const auto grant = SignIn();
  provider_->revocation_error = Error(Reason::kProviderUnavailable);
  const auto revoked = Run(broker_->RevokeGrant(asker_, grant.id, InTime()));
  ASSERT_THAT(revoked, IsOk());
  EXPECT_FALSE(revoked->at_provider);
  EXPECT_EQ(revoked->grant.state, grants::GrantState::kRevoked);
  EXPECT_THAT(provider_->revoked(), ElementsAre("RT1"));

  EXPECT_THAT(Due(), IsEmpty()) << "it is left alone for a while";
  clock_.Advance(absl::Seconds(10));
  provider_->revocation_error = absl::OkStatus();
  EXPECT_EQ(*Run(Queue().WorkOff()), 1);
  while (provider_->revoked().size() < 3) std::this_thread::yield();
  EXPECT_THAT(provider_->revoked(), ElementsAre("RT1", "RT1", "AT1"));
}

TEST_F(Revoking, IsOverOnceTheProviderHasDoneIt) {
  const auto grant = SignIn();
  const auto revoked = Run(broker_->RevokeGrant(asker_, grant.id, InTime()));
  ASSERT_THAT(revoked, IsOk());
  EXPECT_TRUE(revoked->at_provider);
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(Revoking, IsOverWhereTheProviderCannotDoIt) {
  const auto grant = SignIn();
  provider_->revocation_error = Error(Reason::kOperationNotSupported);
  ASSERT_THAT(Run(broker_->RevokeGrant(asker_, grant.id, InTime())), IsOk());
  clock_.Advance(absl::Hours(24));
  EXPECT_THAT(Due(), IsEmpty());
}

TEST_F(Revoking, WaitsAsLongAsTheProviderWants) {
  const auto grant = SignIn();
  provider_->revocation_error =
      WithRetryAfter(Error(Reason::kProviderRateLimited), absl::Minutes(20));
  ASSERT_THAT(Run(broker_->RevokeGrant(asker_, grant.id, InTime())), IsOk());
  clock_.Advance(absl::Minutes(19));
  EXPECT_THAT(Due(), IsEmpty());
  clock_.Advance(absl::Minutes(1));
  EXPECT_THAT(Due(), SizeIs(1));
}

TEST_F(Revoking, EndsWithItsAge) {
  const auto grant = SignIn();
  provider_->revocation_error = Error(Reason::kProviderUnavailable);
  ASSERT_THAT(Run(broker_->RevokeGrant(asker_, grant.id, InTime())), IsOk());
  clock_.Advance(kMaxRevocationAge);
  EXPECT_THAT(Due(), IsEmpty());
}

// A crash between the two must not leave tokens that nobody can revoke: they are kept first.
TEST(RevokingUnderFaults, KeepsTheTokensBeforeTheGrantEnds) {
  testing::ManualClock clock;
  Runtime runtime(2);
  storage::MemoryGrantStore inner(clock);
  FaultyGrantStore store(inner);
  auto provider = std::make_shared<FakeProvider>();
  provider->revocation_error = Error(Reason::kProviderUnavailable);
  std::vector<Client> configured;
  Client client;
  client.name = "shop";
  client.provider = provider;
  configured.push_back(std::move(client));
  const Clients clients(std::move(configured));
  const Asker asker{.name = "backend"};
  Revocation revocation(clients, store, clock, RevocationQueue(clients, store, clock, runtime));
  grants::Grant grant{.id = "g", .caller = "backend", .client = "shop", .created_at = clock.Now()};
  grant.refresh_token = Secret("RT1");
  ASSERT_THAT(RunBlocking(runtime, inner.CreateGrant(std::move(grant))), IsOk());
  store.FailCalls(3, 100, FaultyGrantStore::Fault::kRefused);  // found, kept, not ended
  EXPECT_THAT(RunBlocking(runtime, revocation.Revoke(asker, "g", clock.Now() + absl::Minutes(1))),
              FailsWith(Reason::kStoreUnavailable));
  clock.Advance(absl::Minutes(3));
  const auto due = RunBlocking(runtime, inner.ClaimRevocations(clock.Now(), 10, absl::Minutes(1)));
  ASSERT_THAT(due, IsOk());
  EXPECT_THAT(*due, SizeIs(1));
  runtime.Stop();
}

}  // namespace
}  // namespace tokenbroker::broker
