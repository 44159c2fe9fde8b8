// What listing needs besides the records: who matches, and where a page ended.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "grants/grant_store.h"
#include "grants/seal.h"

namespace tokenbroker::grants {

// Every member that is set must equal the grant's. Pure and thread-safe, like all below.
bool Matches(const GrantFilter& filter, const Grant& grant);

// `cursor`, the store's own note of how far it came, as a page token: sealed, so that it shows no
// id of a grant that its reader may not see, and bound to `filter`.
std::string SealPageToken(const KeyRing& ring, const GrantFilter& filter, std::string_view cursor);
// Errors: PAGE_TOKEN_INVALID for what SealPageToken did not make of the same filter.
absl::StatusOr<std::string> OpenPageToken(const KeyRing& ring, const GrantFilter& filter,
                                          std::string_view token);

}  // namespace tokenbroker::grants
