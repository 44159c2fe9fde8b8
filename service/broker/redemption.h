// From an authorization response to a stored grant: everything after the state has been claimed.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/task.h"
#include "broker/client.h"
#include "broker/held_answers.h"
#include "broker/revocation_queue.h"
#include "grants/grant_store.h"
#include "oauth/authorization_response.h"
#include "provider/permit.h"

namespace tokenbroker::broker {

// What one claimed callback is worked out from. The references outlive the task.
struct Redemption {
  ClientPtr client;
  grants::GrantStore& store;
  const Clock& clock;
  RevocationQueue revocations;
  grants::PendingAuthorization pending;
  oauth::AuthorizationResponse response;
  provider::Permit permit;  // to send the code
  std::shared_ptr<HeldAnswers> answers;
};

// Checks the response and its ID token, sends the code, checks the answer, stores the grant,
// however long the store stays away. Tokens that were got and are not kept are revoked by the
// queue. Errors: as Callback::Submit.
Task<grants::CallbackOutcome> Redeem(Redemption redemption);

}  // namespace tokenbroker::broker
