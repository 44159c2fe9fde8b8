// The bytes of what is stored, before they are sealed: record.proto, with a version.
//
// Bytes come from the store, so reading them refuses what does not parse; RECORD_UNREADABLE has
// metadata `check` (`malformed`, `version`), and a record from a newer version whose meaning this
// one does not know is refused as well, never guessed.
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "grants/answer_spool.h"
#include "grants/grant.h"
#include "grants/grant_store.h"
#include "grants/pending_authorization.h"

namespace tokenbroker::grants {

// Equal values give equal bytes, within one version. Pure and thread-safe, like all below.
Secret SerializeGrant(const Grant& grant);
// Errors: RECORD_UNREADABLE. Fields that this version does not know are kept in `unrecognised`.
absl::StatusOr<Grant> ParseGrant(std::string_view record);

Secret SerializeAuthorization(const PendingAuthorization& pending);
// Errors: RECORD_UNREADABLE.
absl::StatusOr<PendingAuthorization> ParseAuthorization(std::string_view record);

// A commit, its lease aside, as it waits in a spool; `sign_in` may be null.
Secret SerializeAnswer(const GrantCommit& commit, const FinishedSignIn* sign_in);
// The name is left empty. Errors: RECORD_UNREADABLE.
absl::StatusOr<SpooledAnswer> ParseAnswer(std::string_view record);

Secret SerializeRevocation(const PendingRevocation& revocation);
// Errors: RECORD_UNREADABLE.
absl::StatusOr<PendingRevocation> ParseRevocation(std::string_view record);

Secret SerializeOutcome(const CallbackOutcome& outcome);
// Errors: RECORD_UNREADABLE.
absl::StatusOr<CallbackOutcome> ParseOutcome(std::string_view record);

}  // namespace tokenbroker::grants
