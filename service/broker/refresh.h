// Refresh: a new access token from the grant's refresh token, so that nothing is lost.
//
// The order is what keeps grants alive: lease, intent, request, commit (docs/architecture.md).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/client.h"
#include "broker/grant_changes.h"
#include "broker/held_answers.h"
#include "broker/lease_waits.h"
#include "broker/revocation_queue.h"
#include "grants/answer_spool.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "provider/single_flight.h"

namespace tokenbroker::broker {

// Why a caller is not content with the token that the grant holds.
struct RefreshNeed {
  grants::TokenSelector selector;  // normalised: empty means the grant's own
  absl::Duration min_remaining_lifetime = absl::ZeroDuration();
  Secret rejected_access_token;  // renew only if this is still the one held; empty: none
  bool ahead_of_time = false;    // the token is good, but past its refresh point

  RefreshNeed Copy() const {
    return {selector, min_remaining_lifetime, rejected_access_token.Copy(), ahead_of_time};
  }
};

// Whether the grant's token meets the need as things stand. A token that lives shorter than
// `min_remaining_lifetime` from the start meets it for `RefreshRules::floor`: asking again would
// not help, and must not become a request to the provider for every call. Pure.
bool Meets(const grants::Grant& grant, const RefreshNeed& need, const RefreshRules& rules,
           absl::Time now);

// Thread-safe. Borrows everything given to it; flights may outlast the object, but not what it
// borrows.
class Refresh {
 public:
  // `replica` names who holds the leases, unique among replicas. `spool`, which `answers` use too,
  // may be null. Blocks to read it; grants with an answer in it are not refreshed before
  // ReplaySpool has stored it.
  Refresh(const Clients& clients, grants::GrantStore& store, const Clock& clock,
          GrantChanges& changes, Runtime& runtime, RevocationQueue revocations, std::string replica,
          grants::AnswerSpool* spool, std::shared_ptr<HeldAnswers> answers);
  ~Refresh();

  // Sees to it that the grant's token meets `need`: at most one token request in this replica and,
  // through the lease, in the fleet. The refresh belongs to the broker: `deadline` bounds the wait
  // alone. OK means: read the grant again. The task may outlive this object.
  // `as_read` spares a read where the caller has just read the grant.
  // A refresh that failed a moment ago is answered alike, without asking the provider again
  // (broker/failed_refreshes.h).
  // Errors: GRANT_UNKNOWN, REAUTHORIZATION_REQUIRED, LEASE_HELD, STORE_UNAVAILABLE (no refresh is
  // begun that could not be stored), those of Provider::RequestToken, PROVIDER_RESPONSE_INVALID for
  // a refreshed ID token that does not validate, DEADLINE_EXCEEDED.
  StatusTask Renew(std::string grant_id, RefreshNeed need, absl::Time deadline,
                   std::optional<grants::Grant> as_read = {});

  // How many refreshes are under way, for draining.
  int in_flight() const;

  // Begins to store what the spool held at the start. Once.
  void ReplaySpool();

  // Gives the leases of refreshes back that have no answer yet, so that no other replica waits for
  // them to run out: for the end of the process. What was sent under one is an open intent, as
  // after a crash. Whoever has an answer keeps the lease. Suspends: a round trip for each.
  asio::awaitable<void> HandLeasesBack();

  // How many have ended so: no reason means OK.
  std::uint64_t ended(std::optional<Reason> reason) const;

  // How long they waited for others of the same grant.
  const LeaseWaits& lease_waits() const;

 private:
  struct Shared;
  std::shared_ptr<Shared> shared_;
  provider::SingleFlight<std::string, bool> flights_;
};

}  // namespace tokenbroker::broker
