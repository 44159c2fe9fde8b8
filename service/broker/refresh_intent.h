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

// Until when the answer to the request of `intent`, which another replica sent, may yet be stored
// by it: a replica that slept, or that the store was away from, takes a moment to come back. Before
// that its refresh token is not presented by others where no leeway covers it, since that could end
// the grant whose new refresh token the other has in hand. `seen_since` is since when this replica
// has heard what changes in the store, nothing where it does not hear it now; `met_at`, when it met
// the intent. Pure.
absl::Time AnswerMayComeUntil(const grants::RefreshIntent& intent, absl::Duration lease,
                              std::optional<absl::Time> seen_since, absl::Time met_at);

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
