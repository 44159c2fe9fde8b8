// What both stores ask of a commit before they look at what is stored.
#pragma once

#include <string>

#include "absl/status/status.h"
#include "grants/grant_store.h"
#include "grants/hmac.h"

namespace tokenbroker::grants {

// Refuses what no correct caller hands over: a grant that is not active, a generation that does not
// follow, another grant's lease. Errors: INTERNAL. Pure and thread-safe, like all below.
absl::Status CheckCommit(const GrantCommit& commit);

// Names the change itself: the very same change has the same name, any other one has another. Kept
// beside the record, so that a change whose answer was lost is recognised when it is made again.
// `record` is SerializeGrant(commit.grant).
std::string NameOfChange(const GrantCommit& commit, const Secret& record, const KeyedHash& hash);
std::string NameOfCreation(const Grant& grant, const KeyedHash& hash);

}  // namespace tokenbroker::grants
