// What is written before a refresh token leaves, and when it may leave again.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grants/grant.h"
#include "provider/provider.h"

namespace tokenbroker::broker {

// Whether the refresh token may be presented once more although it may be spent: the provider lets
// it pass for `reuse_leeway` after a rotation, and that is made use of once.
bool MayReplay(const grants::RefreshIntent& intent, const provider::ProviderRules& rules,
               absl::Time now);

// Within this after the store was away whoever uses it is connected to it again: the longest pause
// between two tries (net/redis_session.h), and a second for what is tried.
inline constexpr absl::Duration kLongestReturn = absl::Seconds(3);
// Within this whoever has an answer in hand has stored it in a store that takes changes: it tries
// again after half a second at most (broker/refresh_commit.h), and once more where the lease was
// just taken. Whoever waits for one renews its lease, or takes it again, as fast after a failure.
inline constexpr absl::Duration kLongestRetry = absl::Seconds(2);

// Until when the answer to the request of `intent`, which another replica sent, may yet be stored
// by it. Before that its refresh token is not presented by others where no leeway covers it, since
// that could end the grant whose new refresh token the other has in hand. Pure.
//
// For whoever has been given the grant's lease, and so knows that the sender does not have it. A
// sender that is awake and reaches the store keeps its lease until the answer is stored, and takes
// it again where the store has lost it (broker/lease_renewal.h). So it is one of these, or it is
// dead and waited for in vain:
// - It sleeps, or it alone does not reach the store. Nobody else can tell; it gets twice the lease
//   from when it sent, one to be missed in and one to come back.
// - The store was away from all, for so long that the lease ran out, or has lost the lease with the
//   server that failed. Whoever was cut off is back within kLongestReturn, and has stored what it
//   holds, or has its lease again, within kLongestRetry or at its next renewal. `seen_since` is
//   since when this replica hears without a gap what changes in the grant's part of the store
//   (GrantStore::ChangesSeenSince), which was there by then. Other parts do not count, since leases
//   and commits of the grant go to its own alone. Nothing where this replica does not hear it now:
//   the part may have come back just when it gave the lease.
// - The store was there and refused changes to all (too few replicas, a cluster that is down). Then
//   it refused the lease too. `took_change_at` is when it was first given to this flight: from then
//   on the sender needs the time for another try.
absl::Time AnswerMayComeUntil(const grants::RefreshIntent& intent, absl::Duration lease,
                              std::optional<absl::Time> seen_since, absl::Time took_change_at);

// Whether no access token of the grant lives any more. Pure.
bool HasNothingLeft(const grants::Grant& grant, absl::Time now);

// The intent for a request that `holder` is about to send. An `earlier` one whose outcome is
// unknown leaves two ways: a replay inside the leeway, or, when no access token of the grant lives
// any more, one more try, since there is nothing left to lose. Before that, presenting a spent
// token could make the provider end what still works. Errors: PROVIDER_UNAVAILABLE with RetryInfo
// of how long that takes. Pure.
absl::StatusOr<grants::RefreshIntent> NextIntent(
    const grants::Grant& grant, const std::optional<grants::RefreshIntent>& earlier,
    const provider::Provider& provider, std::string holder, std::uint64_t fence, absl::Time now);

}  // namespace tokenbroker::broker
