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

// The intent for a request that `holder` is about to send. An `earlier` one whose outcome is
// unknown leaves two ways: a replay inside the leeway, or, when no access token of the grant lives
// any more, one more try, since there is nothing left to lose. Before that, presenting a spent
// token could make the provider end what still works. Errors: PROVIDER_UNAVAILABLE with RetryInfo
// of how long that takes. Pure.
absl::StatusOr<grants::RefreshIntent> NextIntent(
    const grants::Grant& grant, const std::optional<grants::RefreshIntent>& earlier,
    const provider::Provider& provider, std::string holder, std::uint64_t fence, absl::Time now);

}  // namespace tokenbroker::broker
