#include "broker/refresh_steps.h"

#include <utility>

#include "base/error.h"
#include "broker/refresh_commit.h"

namespace tokenbroker::broker {

using grants::Grant;

StatusTask ReadGrant(Flight& flight) {
  std::string grant_id = flight.grant_id;
  auto grant = co_await flight.context.store.FindGrant(std::move(grant_id));
  if (!grant.ok()) co_return grant.status();
  co_return TakeIn(flight, *std::move(grant));
}

absl::Status TakeIn(Flight& flight, Grant grant) {
  flight.grant = std::move(grant);
  if (flight.grant.state != grants::GrantState::kActive) {
    return Error(Reason::kReauthorizationRequired, {{"because", flight.grant.ended_because}});
  }
  flight.client = flight.context.clients.FindAny(flight.grant.client);
  if (flight.client == nullptr) return Error(Reason::kClientUnknown);
  return absl::OkStatus();
}

StatusTask Release(Flight& flight) {
  grants::Lease lease = flight.lease;
  co_return co_await flight.context.store.ReleaseLease(std::move(lease));
}

void DisownIntent(Flight& flight) {
  if (!flight.intent) return;
  flight.context.harmless.Remember(flight.grant_id, *flight.intent, flight.intent_before);
}

asio::awaitable<void> TakeIntentBack(Flight& flight) {
  Grant grant = flight.grant.Copy();
  grant.intent = flight.intent_before;
  grants::GrantCommit commit = CommitOf(flight, std::move(grant), LeaseAfter::kRelease);
  const absl::Status stored = co_await flight.context.store.CommitGrant(std::move(commit));
  if (stored.ok()) co_return;
  DisownIntent(flight);
  (void)co_await Release(flight);
}

grants::GrantCommit CommitOf(const Flight& flight, Grant grant, LeaseAfter after) {
  return {.grant = std::move(grant),
          .expected_generation = flight.grant.generation,
          .lease = flight.lease,
          .release_lease = after == LeaseAfter::kRelease};
}

StatusTask StoreForSure(Flight& flight, Grant grant, HeldAnswer answer, LeaseAfter after) {
  grants::GrantCommit commit = CommitOf(flight, std::move(grant), after);
  if (answer) answer->Replace(commit);
  std::string holder = flight.holder;
  auto stored = co_await CommitUntilStored(flight.context.store, std::move(commit), answer,
                                           std::move(holder), flight.client->refresh.lease);
  if (!stored.ok()) co_return stored.status();
  flight.lease = *std::move(stored->lease);
  flight.grant = std::move(stored->grant);
  co_return absl::OkStatus();
}

}  // namespace tokenbroker::broker
