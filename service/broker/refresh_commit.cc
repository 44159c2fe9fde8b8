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

Backoff BetweenTries() { return Backoff(absl::Milliseconds(50), absl::Milliseconds(500)); }

}  // namespace

Task<GrantCommit> CommitUntilStored(grants::GrantStore& store, GrantCommit commit,
                                    std::shared_ptr<HeldAnswers::Held> answer, std::string holder,
                                    absl::Duration lease_lifetime) {
  Backoff backoff = BetweenTries();
  while (true) {
    absl::Status status;
    if (commit.lease) {
      GrantCommit attempt = CopyOf(commit);
      status = co_await store.CommitGrant(std::move(attempt));
      if (status.ok()) co_return commit;
    } else {
      status = Error(Reason::kLeaseLost);
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

StatusTask CreateUntilStored(grants::GrantStore& store, grants::Grant grant,
                             std::shared_ptr<HeldAnswers::Held> answer) {
  Backoff backoff = BetweenTries();
  while (true) {
    grants::Grant copy = grant.Copy();
    absl::Status status = co_await store.CreateGrant(std::move(copy));
    if (HasReason(status, Reason::kGenerationConflict)) co_return absl::OkStatus();
    if (!WaitingHelps(status)) co_return status;
    if (answer) answer->Spool();
    co_await Pause(backoff.Next());
  }
}

StatusTask FinishUntilStored(grants::GrantStore& store, const Clock& clock,
                             grants::FinishedSignIn sign_in, absl::Time give_up) {
  Backoff backoff = BetweenTries();
  while (true) {
    Secret state = sign_in.state.Copy();
    grants::CallbackOutcome outcome = sign_in.outcome.Copy();
    absl::Status status = co_await store.FinishAuthorization(std::move(state), std::move(outcome));
    if (!WaitingHelps(status) || clock.Now() >= give_up) co_return status;
    co_await Pause(backoff.Next());
  }
}

}  // namespace tokenbroker::broker
