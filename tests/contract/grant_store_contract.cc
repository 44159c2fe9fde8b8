#include "contract/grant_store_contract.h"

#include "absl/strings/str_cat.h"

namespace tokenbroker::testing {

using grants::Grant;
using grants::GrantCommit;
using grants::Lease;

Grant GrantStoreContract::Created(const std::string& id) { return Created(SampleGrant(id, Now())); }

Grant GrantStoreContract::Created(Grant grant) {
  Grant stored = grant.Copy();
  EXPECT_OK(Run(store().CreateGrant(std::move(grant))));
  stored.generation = 1;
  return stored;
}

GrantCommit GrantStoreContract::NextGeneration(const Grant& grant) {
  GrantCommit commit;
  commit.grant = grant.Copy();
  commit.grant.generation = grant.generation + 1;
  commit.grant.access_tokens.begin()->second.value =
      Secret(absl::StrCat("secret-access-token-", commit.grant.generation));
  commit.expected_generation = grant.generation;
  return commit;
}

Lease GrantStoreContract::Leased(const std::string& grant_id, const std::string& holder,
                                 absl::Duration lifetime) {
  absl::StatusOr<Lease> lease = Run(store().AcquireLease(grant_id, holder, lifetime));
  EXPECT_OK(lease);
  return lease.ok() ? *std::move(lease) : Lease{};
}

Grant GrantStoreContract::Stored(const std::string& id) {
  absl::StatusOr<Grant> grant = Run(store().FindGrant(id));
  EXPECT_OK(grant);
  return grant.ok() ? *std::move(grant) : Grant{};
}

}  // namespace tokenbroker::testing
