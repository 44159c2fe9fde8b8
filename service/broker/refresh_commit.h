// Storing what is in hand and nowhere else.
#pragma once

#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "broker/held_answers.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Commits until the store has it, through outages and through losing the lease, as long as nobody
// else has moved the grant on. A commit without a lease gets one first, for `lease_lifetime`, which
// `holder` takes. What the store does not take at once is spooled by `answer`, if that is not null;
// settling it is left to the caller. Returns what was stored, with the lease that it was stored
// under.
// Errors: GENERATION_CONFLICT, GRANT_UNKNOWN and others that no waiting helps against.
// Suspends: however long the store stays away. `store` outlives the task.
Task<grants::GrantCommit> CommitUntilStored(grants::GrantStore& store, grants::GrantCommit commit,
                                            std::shared_ptr<HeldAnswers::Held> answer,
                                            std::string holder, absl::Duration lease_lifetime);

// Creates the grant as soon as the store is there, through outages. Its id is this sign-in's alone:
// one that is there already was made by an earlier try. `answer` as above.
// Errors: LIMIT_REACHED and others that no waiting helps against. Suspends as above.
StatusTask CreateUntilStored(grants::GrantStore& store, grants::Grant grant,
                             std::shared_ptr<HeldAnswers::Held> answer);

// Tells the store what a sign-in came to, until it is told or `give_up`: without it the caller's
// repeated callback gets no answer. Errors: as GrantStore::FinishAuthorization.
StatusTask FinishUntilStored(grants::GrantStore& store, const Clock& clock,
                             grants::FinishedSignIn sign_in, absl::Time give_up);

}  // namespace tokenbroker::broker
