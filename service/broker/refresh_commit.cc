#include "broker/refresh_commit.h"

#include <utility>

#include "base/error.h"
#include "broker/pause.h"

namespace tokenbroker::broker {
namespace {

using grants::GrantCommit;

GrantCommit CopyOf(const GrantCommit& commit) {
  return {.grant = commit.grant.Copy(),
          .expected_generation = commit.expected_generation,
          .lease = commit.lease,
          .release_lease = commit.release_lease};
}

bool WaitingHelps(const absl::Status& status) {
  return HasReason(status, Reason::kStoreUnavailable) || HasReason(status, Reason::kLeaseHeld);
}

}  // namespace

Task<grants::Lease> CommitUntilStored(grants::GrantStore& store, GrantCommit commit,
                                      std::shared_ptr<HeldAnswers::Held> answer, std::string holder,
                                      absl::Duration lease_lifetime) {
  Backoff backoff(absl::Milliseconds(50), absl::Seconds(2));
  while (true) {
    absl::Status status = Error(Reason::kLeaseLost);
    if (commit.lease) {
      GrantCommit attempt = CopyOf(commit);
      status = co_await store.CommitGrant(std::move(attempt));
      if (status.ok()) co_return *commit.lease;
    }
    if (HasReason(status, Reason::kLeaseLost)) {
      std::string grant_id = commit.grant.id;
      std::string name = holder;
      auto lease =
          co_await store.AcquireLease(std::move(grant_id), std::move(name), lease_lifetime);
      if (lease.ok()) {
        commit.lease = *std::move(lease);
        continue;
      }
      status = lease.status();
    }
    if (!WaitingHelps(status)) co_return status;
    if (answer) answer->Spool();
    co_await Pause(backoff.Next());
  }
}

}  // namespace tokenbroker::broker
