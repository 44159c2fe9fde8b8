// One refresh from lease to commit. Used by Refresh alone, which sees to it that there is one at a
// time for one need.
#pragma once

#include <optional>
#include <string>

#include "base/clock.h"
#include "base/task.h"
#include "broker/client.h"
#include "broker/grant_changes.h"
#include "broker/grant_turns.h"
#include "broker/harmless_intents.h"
#include "broker/held_answers.h"
#include "broker/held_leases.h"
#include "broker/lease_waits.h"
#include "broker/revocation_queue.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "provider/permit.h"

namespace tokenbroker::broker {

struct RefreshNeed;

// Borrowed; outlives every flight.
struct RefreshContext {
  const Clients& clients;
  grants::GrantStore& store;
  const Clock& clock;
  Runtime& runtime;  // runs the renewal of leases
  GrantTurns& turns;
  LeaseWaits& waits;
  GrantChanges& changes;
  HeldAnswers& answers;
  HarmlessIntents& harmless;
  HeldLeases& leases;
  RevocationQueue revocations;
};

// `urgency` is how it goes among the requests that wait for the provider. `as_read` is the grant as
// the caller has read it just now, where it has: it is read again under the lease.
// Errors: as Refresh::Renew, without the deadline. Suspends until the answer of the provider is
// stored, however long the store stays away.
StatusTask RefreshFlight(RefreshContext context, std::string grant_id, RefreshNeed need,
                         std::string holder, provider::Urgency urgency,
                         std::optional<grants::Grant> as_read);

}  // namespace tokenbroker::broker
