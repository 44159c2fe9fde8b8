#include "contract/grant_store_contract.h"
#include "grants/record.h"

namespace tokenbroker::testing {
namespace {

using grants::Lease;

class LeaseContract : public GrantStoreContract {
 protected:
  absl::StatusOr<Lease> Acquire(const std::string& holder,
                                absl::Duration lifetime = absl::Minutes(30)) {
    return Run(other_replica().AcquireLease("grant", holder, lifetime));
  }
};

TEST_F(LeaseContract, IsHeldByOne) {
  Created("grant");
  const Lease lease = Leased("grant", "holder");
  EXPECT_EQ(lease.grant_id, "grant");
  EXPECT_EQ(lease.holder, "holder");
  EXPECT_GT(lease.fence, 0u);
  const auto refused = Acquire("other");
  EXPECT_THAT(refused, FailsWith(Reason::kLeaseHeld));
  const auto retry = RetryAfterOf(refused.status());
  ASSERT_TRUE(retry.has_value());
  EXPECT_GT(*retry, absl::ZeroDuration());
  EXPECT_LE(*retry, absl::Minutes(30));
}

TEST_F(LeaseContract, IsOfAGrantThatExists) {
  EXPECT_THAT(Acquire("holder"), FailsWith(Reason::kGrantUnknown));
}

TEST_F(LeaseContract, ComesWithTheGrantWhereThatIsAskedFor) {
  Created("grant");
  ASSERT_OK(Run(store().TouchGrant("grant", absl::FromUnixSeconds(4'000'000'000))));
  const auto leased = Run(other_replica().LeaseGrant("grant", "holder", absl::Minutes(5)));
  ASSERT_OK(leased);
  EXPECT_EQ(leased->lease.grant_id, "grant");
  EXPECT_EQ(leased->lease.holder, "holder");
  EXPECT_GT(leased->lease.fence, 0u);
  const auto found = Run(store().FindGrant("grant"));
  ASSERT_OK(found);
  EXPECT_EQ(grants::SerializeGrant(leased->grant), grants::SerializeGrant(*found));
  EXPECT_EQ(leased->grant.generation, found->generation);
  EXPECT_EQ(leased->grant.last_used_at, absl::FromUnixSeconds(4'000'000'000));

  const auto refused = Run(store().LeaseGrant("grant", "other", absl::Minutes(5)));
  EXPECT_THAT(refused, FailsWith(Reason::kLeaseHeld));
  EXPECT_TRUE(RetryAfterOf(refused.status()).has_value());
  const auto again = Run(store().LeaseGrant("grant", "holder", absl::Minutes(5)));
  ASSERT_OK(again);
  EXPECT_EQ(again->lease.fence, leased->lease.fence);
  EXPECT_THAT(Run(store().LeaseGrant("no such grant", "holder", absl::Minutes(5))),
              FailsWith(Reason::kGrantUnknown));
}

TEST_F(LeaseContract, IsGivenAgainToItsHolder) {
  Created("grant");
  const Lease lease = Leased("grant", "holder", absl::Minutes(5));
  Elapse(absl::Minutes(4));
  const auto again = Acquire("holder", absl::Minutes(5));
  ASSERT_OK(again);
  EXPECT_EQ(again->fence, lease.fence);
  Elapse(absl::Minutes(4));
  EXPECT_THAT(Acquire("other"), FailsWith(Reason::kLeaseHeld));
}

TEST_F(LeaseContract, GoesToAnotherWithAHigherFenceOnceItHasRunOut) {
  Created("grant");
  const Lease lease = Leased("grant", "holder", absl::Minutes(5));
  Elapse(absl::Minutes(6));
  EXPECT_THAT(Run(store().RenewLease(lease, absl::Minutes(5))), FailsWith(Reason::kLeaseLost));
  const auto next = Acquire("other");
  ASSERT_OK(next);
  EXPECT_GT(next->fence, lease.fence);
}

TEST_F(LeaseContract, LastsAsLongAsItIsRenewed) {
  Created("grant");
  const Lease lease = Leased("grant", "holder", absl::Minutes(5));
  for (int i = 0; i < 10; ++i) {
    Elapse(absl::Minutes(4));
    ASSERT_OK(Run(other_replica().RenewLease(lease, absl::Minutes(5))));
    EXPECT_THAT(Acquire("other"), FailsWith(Reason::kLeaseHeld));
  }
}

TEST_F(LeaseContract, IsFreeOnceReleased) {
  Created("grant");
  const Lease lease = Leased("grant", "holder");
  ASSERT_OK(Run(store().ReleaseLease(lease)));
  EXPECT_THAT(Run(store().RenewLease(lease, absl::Minutes(5))), FailsWith(Reason::kLeaseLost));
  const auto next = Acquire("other");
  ASSERT_OK(next);
  EXPECT_GT(next->fence, lease.fence);
}

TEST_F(LeaseContract, IsReleasedAndRenewedByItsHolderAlone) {
  Created("grant");
  const Lease old = Leased("grant", "holder", absl::Minutes(5));
  Elapse(absl::Minutes(6));
  const Lease current = Leased("grant", "holder");
  ASSERT_OK(Run(store().ReleaseLease(old)));
  Lease foreign = current;
  foreign.holder = "other";
  ASSERT_OK(Run(store().ReleaseLease(foreign)));
  EXPECT_THAT(Run(store().RenewLease(foreign, absl::Minutes(5))), FailsWith(Reason::kLeaseLost));
  EXPECT_THAT(Acquire("other"), FailsWith(Reason::kLeaseHeld));
  EXPECT_OK(Run(store().RenewLease(current, absl::Minutes(5))));
}

TEST_F(LeaseContract, IsNotThereToReleaseWithoutAGrant) {
  EXPECT_OK(Run(store().ReleaseLease({.grant_id = "grant", .holder = "holder", .fence = 1})));
  EXPECT_THAT(Run(store().RenewLease({.grant_id = "grant", .holder = "holder", .fence = 1},
                                     absl::Minutes(5))),
              FailsWith(Reason::kLeaseLost));
}

TEST_F(LeaseContract, GoesToOneOfManyWhoWantIt) {
  Created("grant");
  const auto leases =
      RunTogether(16, [this](int i) { return Acquire("holder-" + std::to_string(i)); });
  EXPECT_EQ(CountOk(leases), 1);
  EXPECT_EQ(CountFailures(leases, Reason::kLeaseHeld), 15);
}

}  // namespace
}  // namespace tokenbroker::testing
