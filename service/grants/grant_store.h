// Where pending authorizations and grants live. Two implementations, one contract suite:
// storage/memory (the embedded default) and storage/redis.
//
// Rules that every implementation keeps, whatever crashes:
//  - a state is claimed once, atomically; an ended grant is a tombstone that nothing revives;
//  - a lease is fenced: a holder that was paused past its end cannot write any more;
//  - a commit is one atomic change of record, schedule entry and lease;
//  - a change whose answer was lost may be made again: where the very same change was the last one,
//    it succeeds without being made twice.
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
#include "grants/pending_revocation.h"

namespace tokenbroker::grants {

// The right to use a grant's refresh token, until it runs out or is renewed.
struct Lease {
  std::string grant_id;
  std::string holder;       // who: replica and flight, unique
  std::uint64_t fence = 0;  // grows with every lease of the grant
};

// A lease, and the grant as it was when the lease was given.
struct LeasedGrant {
  Lease lease;
  Grant grant;
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

// One atomic change of a grant that stays active; EndGrant ends one.
struct GrantCommit {
  Grant grant;  // what is to be stored; grant.state is kActive
  std::uint64_t expected_generation =
      0;                       // what must be there; grant.generation is this or one more
  std::optional<Lease> lease;  // must still be the current one
  bool release_lease = false;
};

struct GrantFilter {
  std::optional<std::string> caller = {};
  std::optional<std::string> client = {};
  std::optional<std::string> subject = {};  // with `issuer`, or with `client`
  std::optional<std::string> issuer = {};
  std::optional<std::string> session_id = {};  // `sid`, with `issuer`
  std::optional<GrantState> state = {};
};

struct GrantPage {
  std::vector<Grant> grants;
  std::string next_page_token;  // empty: the end
  // How many that may have passed the filter are left out because they do not open with the keys.
  std::size_t unreadable = 0;
};

// What became of one page of records that were to be sealed anew.
struct RewrapPage {
  std::size_t rewrapped = 0;
  std::size_t current = 0;      // sealed with the first key already
  std::size_t unreadable = 0;   // no key opens them; left as they are
  std::string next_page_token;  // empty: the end
};

// How much there is in the schedule.
struct ScheduleSummary {
  std::uint64_t scheduled = 0;      // entries in all
  std::uint64_t overdue = 0;        // entries whose time has come, claimed ones not counted
  std::optional<absl::Time> first;  // the earliest entry
};

// What of revocations waits for a provider's confirmation.
struct RevocationSummary {
  std::uint64_t pending = 0;         // claimed ones counted too
  std::optional<absl::Time> oldest;  // when the one of them was queued that waits longest
};

// What a look over some grants of a slice found.
struct LookedOver {
  std::size_t grants = 0;                // how many were looked at
  std::vector<std::string> unscheduled;  // active, without an entry in the schedule
  std::vector<std::string> gone;         // listed as grants, though there are none any more
  std::string next;                      // where to go on; empty: the slice is done
};

// A token that counts once: its `jti`, which is unique for its issuer and audience.
struct TokenId {
  std::string issuer;
  std::string audience;
  std::string token_id;
};

// Told of changes by the store, so that caches of access tokens can drop what is old. Calls come
// from the store's threads, must not block, and may come more often than needed. A change made
// through this very store is told before the call that made it returns, also while changes of other
// replicas are lost; those count as lost until OnChangesSeenAgain is first called.
class GrantObserver {
 public:
  virtual ~GrantObserver() = default;
  virtual void OnGrantChanged(const std::string& grant_id) = 0;
  // Changes by other replicas may be missed from now on / are seen again (what was missed is
  // unknown: drop everything).
  virtual void OnChangesLost() = 0;
  virtual void OnChangesSeenAgain() = 0;
};

// Thread-safe. Every method may also fail with STORE_UNAVAILABLE (with RetryInfo), and those that
// read with RECORD_UNREADABLE; neither ever means "not there". What is wrong with the arguments
// themselves (a commit to a generation that does not follow, say) is INTERNAL. Suspends: one or two
// round trips to the store, unless stated. Arguments are taken by value.
//
// Cancellation: safe at any time; a change that had been sent may or may not have been made.
class GrantStore {
 public:
  virtual ~GrantStore() = default;

  // --- pending authorizations ---

  // Keeps `pending` under `state` until pending.expires_at. Errors: LIMIT_REACHED, for a store with
  // a bound of its own.
  virtual StatusTask PutAuthorization(Secret state, PendingAuthorization pending) = 0;
  // Errors: STATE_UNKNOWN. A claimed or answered one is still found.
  virtual Task<PendingAuthorization> FindAuthorization(Secret state) = 0;
  // Takes it, once. `callback_digest` tells the same callback delivered again from a different one.
  // A claim whose replica died stays claimed: its code may be spent.
  // Errors: STATE_UNKNOWN (unknown, expired, used up, or claimed with another digest).
  virtual Task<ClaimedAuthorization> ClaimAuthorization(Secret state,
                                                        std::string callback_digest) = 0;
  // After a claim: keeps the answer for the rest of the request's life. The first answer stays.
  // Errors: STATE_UNKNOWN (expired, used up, or never claimed).
  virtual StatusTask FinishAuthorization(Secret state, CallbackOutcome outcome) = 0;
  // After a claim that failed: used up, STATE_UNKNOWN from now on, also where it was so before.
  virtual StatusTask SpendAuthorization(Secret state) = 0;
  // How many pending authorizations `caller` has open: neither answered, used up nor expired. May
  // be a little too high.
  virtual Task<std::size_t> CountAuthorizations(std::string caller) = 0;

  // --- grants ---

  // Stores a new, active grant, whatever its generation, with generation 1. It is kept until
  // grant.ends_at: from then on it is GRANT_UNKNOWN.
  // Errors: GENERATION_CONFLICT where the id exists; LIMIT_REACHED, for a store with a bound of its
  // own.
  virtual StatusTask CreateGrant(Grant grant) = 0;
  // Errors: GRANT_UNKNOWN. Tombstones are found, with their state. `last_used_at` counts touches.
  virtual Task<Grant> FindGrant(std::string grant_id) = 0;
  // Stores commit.grant in place of what is there, and releases the lease if told to. With a new
  // generation its schedule entry is set or removed (next_refresh_at); a commit that only marks the
  // grant leaves the entry alone, so that a claim stays a claim.
  // Errors: GENERATION_CONFLICT (generation moved, or the grant has ended), LEASE_LOST,
  // GRANT_UNKNOWN; nothing is changed then.
  virtual StatusTask CommitGrant(GrantCommit commit) = 0;
  // Ends the grant whatever its generation and lease: a tombstone without tokens, generation + 1.
  // Returns the grant as it was, so that its tokens can be revoked at the provider. Ending an ended
  // grant returns its tombstone. Its lease is lost, its schedule entry gone; after
  // `tombstone_lifetime` it is GRANT_UNKNOWN. Errors: GRANT_UNKNOWN.
  // Suspends: two round trips, more while others commit.
  virtual Task<Grant> EndGrant(std::string grant_id, GrantState state, std::string because,
                               absl::Duration tombstone_lifetime) = 0;
  // Notes that a caller asked for the grant at `when`; best effort, may be lost.
  virtual StatusTask TouchGrant(std::string grant_id, absl::Time when) = 0;
  // Newest first where the filter has a subject, session, caller or client; in no order else, and
  // then what is created meanwhile may be missed. Pages may be short, even empty, before the end.
  // Ended grants appear as tombstones. A grant that does not open with the keys is
  // RECORD_UNREADABLE for FindGrant, but left out here and counted. `page_token` is that of the
  // page before, "" for the first. Errors: PAGE_TOKEN_INVALID (also a token of another filter).
  // Suspends: several round trips.
  virtual Task<GrantPage> ListGrants(GrantFilter filter, std::size_t page_size,
                                     std::string page_token) = 0;

  // --- leases ---

  // By the holder of the current lease: that lease, made to last `lifetime` from now.
  // Errors: LEASE_HELD, with RetryInfo of what is left of the other's; GRANT_UNKNOWN.
  virtual Task<Lease> AcquireLease(std::string grant_id, std::string holder,
                                   absl::Duration lifetime) = 0;
  // AcquireLease and FindGrant in one step: what nobody who needs the lease has changed since.
  // Errors: as both; the lease of a grant that is RECORD_UNREADABLE is given and runs out.
  virtual Task<LeasedGrant> LeaseGrant(std::string grant_id, std::string holder,
                                       absl::Duration lifetime) = 0;
  // Errors: LEASE_LOST.
  virtual StatusTask RenewLease(Lease lease, absl::Duration lifetime) = 0;
  // Only the holder's own; releasing a lost lease does nothing.
  virtual StatusTask ReleaseLease(Lease lease) = 0;

  // --- schedule ---

  // Claims up to `limit` grants that are due at `now`, hiding them from other claims for
  // `visibility`: the most overdue first, roughly. A commit sets or removes the entry
  // (Grant::next_refresh_at); a claimed grant that nobody commits is due again after `visibility`.
  // A claim whose answer is lost hides its grants as long.
  // Suspends: several round trips.
  virtual Task<std::vector<std::string>> ClaimDue(absl::Time now, std::size_t limit,
                                                  absl::Duration visibility) = 0;
  // Moves the entry of a claimed grant to `when`. Does nothing where the entry is not any more what
  // the claim made it, which was to be due at `hidden_until`: a commit that came meanwhile has set
  // its own. The stored grant stays as it is.
  virtual StatusTask PutBack(std::string grant_id, absl::Time hidden_until, absl::Time when) = 0;
  // Makes an entry for an active grant that has none. Does nothing for others.
  virtual StatusTask Schedule(std::string grant_id, absl::Time when) = 0;
  // When to call ClaimDue next, as far as is known now: not after the first entry is due, unless
  // that entry is made later on. Costs the same whatever the number of grants.
  virtual Task<absl::Time> NextDue() = 0;
  // For people and metrics, every few seconds: it looks at the whole schedule.
  virtual Task<ScheduleSummary> SummarizeSchedule(absl::Time now) = 0;

  // --- walking through all grants ---

  // The grants lie in slices. Takes one that nobody has taken in the last `interval`; nothing where
  // there is none. A new store hands its slices out evenly over the first interval.
  virtual Task<std::optional<int>> ClaimSlice(absl::Time now, absl::Duration interval) = 0;
  // Looks at about `limit` grants of the slice, from where `next` of the look before says; "": from
  // the start. Whatever is there throughout a walk is met at least once.
  virtual Task<LookedOver> LookOver(int slice, std::string from, std::size_t limit) = 0;
  // Takes those of `gone`, which a look over the slice found, out of the store's lists that are
  // still gone. Returns how many.
  virtual Task<std::size_t> ForgetGone(int slice, std::vector<std::string> gone) = 0;

  // --- sealing ---

  // Seals the records of one page of grants, tombstones included, with the key that seals now,
  // where another has. Changes nothing else; a grant that changes meanwhile is left to whoever
  // changes it. Made again it finds them current. `page_token` is that of the page before, "" for
  // the first. Errors: PAGE_TOKEN_INVALID. Suspends: several round trips.
  virtual Task<RewrapPage> RewrapGrants(std::size_t page_size, std::string page_token) = 0;

  // --- tokens that count once ---

  // Whether RememberTokenId was called for it and its time has not run out.
  virtual Task<bool> RemembersTokenId(TokenId id) = 0;
  // Remembers it for `lifetime` from now; where it is remembered already, for no less than before.
  // Errors: LIMIT_REACHED, for a store with a bound of its own.
  virtual StatusTask RememberTokenId(TokenId id, absl::Duration lifetime) = 0;

  // --- revocations that the provider has not confirmed ---

  // Keeps it until it is dropped, or for `lifetime` from now at most; due at `due`. What was there
  // under its id is replaced. Errors: LIMIT_REACHED, for a store with a bound of its own.
  virtual StatusTask PutRevocation(PendingRevocation revocation, absl::Time due,
                                   absl::Duration lifetime) = 0;
  // Claims up to `limit` that are due at `now`, hiding them from other claims for `visibility`.
  // Whoever claims one puts it again or drops it; otherwise it is due again after `visibility`. One
  // that does not open with the keys is left out.
  virtual Task<std::vector<PendingRevocation>> ClaimRevocations(absl::Time now, std::size_t limit,
                                                                absl::Duration visibility) = 0;
  // What is not there is no error.
  virtual StatusTask DropRevocation(std::string id) = 0;
  // For metrics, every few seconds. One whose lifetime is over may still be counted until somebody
  // claims.
  virtual Task<RevocationSummary> SummarizeRevocations() = 0;

  // --- the store itself ---

  // Errors: STORE_UNAVAILABLE. For readiness.
  virtual StatusTask Check() = 0;
  // At most one, set before the first call and outliving the store. May be null.
  virtual void Observe(GrantObserver* observer) = 0;
  // Since when no change of this grant by another replica has been missed, by the store's clock;
  // nothing while some may be missed, and without an observer. Where the store has several parts
  // and one was lost, that is so for the grants in it alone, while the observer counts all changes
  // as lost. Not to be called from the observer.
  virtual std::optional<absl::Time> ChangesSeenSince(const std::string& grant_id) const = 0;
};

}  // namespace tokenbroker::grants
