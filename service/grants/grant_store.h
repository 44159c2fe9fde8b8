// Where pending authorizations and grants live. Two implementations, one contract suite:
// storage/memory (the embedded default) and storage/redis.
//
// Rules that every implementation keeps, whatever crashes:
//  - a state is claimed once, atomically; an ended grant is a tombstone that nothing revives;
//  - a lease is fenced: a holder that was paused past its end cannot write any more;
//  - a commit is one atomic change of record, index, schedule entry and lease.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/task.h"
#include "grants/grant.h"
#include "grants/pending_authorization.h"

namespace tokenbroker::grants {

// The right to use a grant's refresh token, until it runs out or is renewed.
struct Lease {
  std::string grant_id;
  std::string holder;       // who: replica and flight, unique
  std::uint64_t fence = 0;  // grows with every lease of the grant
};

// What a claim of a pending authorization found.
struct ClaimedAuthorization {
  enum class Phase {
    kClaimed,     // it is ours: check, redeem, then FinishAuthorization or leave it used up
    kInProgress,  // the same callback is being answered elsewhere
    kAnswered,    // the same callback has been answered: `outcome`
  };
  Phase phase = Phase::kClaimed;
  std::optional<CallbackOutcome> outcome;
};

// One atomic change of a grant.
struct GrantCommit {
  Grant grant;  // what is to be stored
  std::uint64_t expected_generation =
      0;                       // what must be there; grant.generation is this or one more
  std::optional<Lease> lease;  // must still be the current one
  bool release_lease = false;
};

struct GrantFilter {
  std::optional<std::string> caller;
  std::optional<std::string> client;
  std::optional<std::string> subject;  // with `issuer`, or with `client`
  std::optional<std::string> issuer;
  std::optional<std::string> session_id;  // `sid`, with `issuer`
  std::optional<GrantState> state;
};

struct GrantPage {
  std::vector<Grant> grants;
  std::string next_page_token;  // empty: the end
};

// Told of changes by the store, so that caches of access tokens can drop what is old. Calls come
// from the store's threads, must not block, and may come more often than needed.
class GrantObserver {
 public:
  virtual ~GrantObserver() = default;
  virtual void OnGrantChanged(const std::string& grant_id) = 0;
  // Changes may be missed from now on / are seen again (what was missed is unknown: drop
  // everything).
  virtual void OnChangesLost() = 0;
  virtual void OnChangesSeenAgain() = 0;
};

// Thread-safe. Every method may also fail with STORE_UNAVAILABLE (with RetryInfo), and those that
// read with RECORD_UNREADABLE; neither ever means "not there". Suspends: one round trip to the
// store, unless stated. Arguments are taken by value.
class GrantStore {
 public:
  virtual ~GrantStore() = default;

  // --- pending authorizations ---

  // Keeps `pending` under `state` until pending.expires_at.
  virtual StatusTask PutAuthorization(Secret state, PendingAuthorization pending) = 0;
  // Errors: STATE_UNKNOWN. A claimed or answered one is still found.
  virtual Task<PendingAuthorization> FindAuthorization(Secret state) = 0;
  // Takes it, once. `callback_digest` tells the same callback delivered again from a different one.
  // A claim whose replica died stays claimed: its code may be spent.
  // Errors: STATE_UNKNOWN (unknown, expired, used up, or claimed with another digest).
  virtual Task<ClaimedAuthorization> ClaimAuthorization(Secret state,
                                                        std::string callback_digest) = 0;
  // After a claim: keeps the answer for the rest of the request's life.
  virtual StatusTask FinishAuthorization(Secret state, CallbackOutcome outcome) = 0;
  // After a claim that failed: used up, STATE_UNKNOWN from now on.
  virtual StatusTask SpendAuthorization(Secret state) = 0;
  // How many pending authorizations `caller` has open (an upper bound is fine).
  virtual Task<std::size_t> CountAuthorizations(std::string caller) = 0;

  // --- grants ---

  // Stores a new grant with generation 1. Errors: GENERATION_CONFLICT where the id exists.
  virtual StatusTask CreateGrant(Grant grant) = 0;
  // Errors: GRANT_UNKNOWN. Tombstones are found, with their state.
  virtual Task<Grant> FindGrant(std::string grant_id) = 0;
  // Errors: GENERATION_CONFLICT (generation moved, or the grant has ended), LEASE_LOST,
  // GRANT_UNKNOWN.
  virtual StatusTask CommitGrant(GrantCommit commit) = 0;
  // Ends the grant whatever its generation and lease: a tombstone without tokens, generation + 1.
  // Returns the grant as it was, so that its tokens can be revoked at the provider. Ending an ended
  // grant returns its tombstone. Errors: GRANT_UNKNOWN.
  virtual Task<Grant> EndGrant(std::string grant_id, GrantState state, std::string because,
                               absl::Duration tombstone_lifetime) = 0;
  // Notes that a caller asked for the grant at `when`; best effort, may be lost.
  virtual StatusTask TouchGrant(std::string grant_id, absl::Time when) = 0;
  // Newest first where one index serves it; pages may be short. Ended grants appear as tombstones.
  // Errors: PAGE_TOKEN_INVALID.
  virtual Task<GrantPage> ListGrants(GrantFilter filter, std::size_t page_size,
                                     std::string page_token) = 0;

  // --- leases ---

  // Errors: LEASE_HELD, with RetryInfo of what is left of the other's; GRANT_UNKNOWN.
  virtual Task<Lease> AcquireLease(std::string grant_id, std::string holder,
                                   absl::Duration lifetime) = 0;
  // Errors: LEASE_LOST.
  virtual StatusTask RenewLease(Lease lease, absl::Duration lifetime) = 0;
  // Only the holder's own; releasing a lost lease does nothing.
  virtual StatusTask ReleaseLease(Lease lease) = 0;

  // --- schedule ---

  // Claims up to `limit` grants that are due at `now`, hiding them from other claims for
  // `visibility`. A commit sets or removes the entry (Grant::next_refresh_at).
  // Suspends: several round trips.
  virtual Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                                  absl::Duration visibility) = 0;

  // --- the store itself ---

  // Errors: STORE_UNAVAILABLE. For readiness.
  virtual StatusTask Check() = 0;
  // At most one, set before the first call and outliving the store. May be null.
  virtual void Observe(GrantObserver* observer) = 0;
};

}  // namespace tokenbroker::grants
