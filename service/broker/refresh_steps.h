// What the parts of one refresh share: what the flight has in hand, and the steps that several of
// them take. Of this folder's refresh_*.cc alone.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/task.h"
#include "broker/client.h"
#include "broker/held_answers.h"
#include "broker/refresh.h"
#include "broker/refresh_flight.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

using HeldAnswer = std::shared_ptr<HeldAnswers::Held>;

// Lives as long as the coroutine that made it; the tasks below borrow it.
struct Flight {
  RefreshContext context;
  std::string grant_id;
  RefreshNeed need;
  std::string holder;
  provider::Urgency urgency;

  ClientPtr client;
  grants::Lease lease;
  absl::Time leased_at;  // a time before the store gave it
  absl::Time sent_at;    // when the refresh token was about to leave, for the last time
  grants::Grant grant;   // as read under the lease, or stored since
  // What was written down last, or may have been, and the intent that counted before it.
  std::optional<grants::RefreshIntent> intent;
  std::optional<grants::RefreshIntent> intent_before;
};

// Reads the grant and finds its client. Errors: those of FindGrant, CLIENT_UNKNOWN; an ended grant
// is REAUTHORIZATION_REQUIRED.
StatusTask ReadGrant(Flight& flight);

// The same of a grant that has been read. Errors: CLIENT_UNKNOWN, REAUTHORIZATION_REQUIRED.
absl::Status TakeIn(Flight& flight, grants::Grant grant);

// Hands the lease back.
StatusTask Release(Flight& flight);

// Notes that nothing came of the flight's intent, wherever it may stand.
void DisownIntent(Flight& flight);

// A request that was not sent, or that the provider certainly did not act on, leaves things as they
// were before its intent: takes it out of the store, and hands the lease back. Where the store
// cannot be told this replica knows it at least.
asio::awaitable<void> TakeIntentBack(Flight& flight);

enum class LeaseAfter { kKeep, kRelease };

// The commit of `grant` over what was read under the lease.
grants::GrantCommit CommitOf(const Flight& flight, grants::Grant grant, LeaseAfter after);

// Stores what is in hand and nowhere else; flight.grant and flight.lease are then what is there.
// `answer` may be null. Errors: as CommitUntilStored.
StatusTask StoreForSure(Flight& flight, grants::Grant grant, HeldAnswer answer, LeaseAfter after);

}  // namespace tokenbroker::broker
