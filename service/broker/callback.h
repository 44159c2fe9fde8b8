// SubmitCallback: from what the browser brought back to a grant.
#pragma once

#include <atomic>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/client.h"
#include "broker/held_answers.h"
#include "broker/revocation_queue.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "provider/single_flight.h"

namespace tokenbroker::broker {

struct SubmittedCallback {
  enum class Kind { kFormBody, kRedirectUrl };
  Kind kind = Kind::kFormBody;
  Secret content;  // the raw form body, or the whole URL
  Secret browser_binding;
};

struct CallbackAnswer {
  grants::Grant grant;     // holds its tokens: nothing of those goes into the answer
  Secret id_token_claims;  // a JSON object, claims untouched
  std::optional<Secret> front_channel_access_token;
  Secret caller_context;
};

// Thread-safe. Borrows everything given to it, until the last flight has landed.
class Callback {
 public:
  // `runtime` runs what must go on when the caller hangs up.
  // What is got and not kept is revoked by `revocations`.
  Callback(const Clients& clients, grants::GrantStore& store, const Clock& clock, Runtime& runtime,
           RevocationQueue revocations, std::shared_ptr<HeldAnswers> answers);

  // Checks the authorization response against the request it answers, redeems the code once, checks
  // the answer, and stores the grant. The very same callback by the same caller gets the very same
  // answer; a different one for the same state is refused.
  // Suspends: the provider's keys and token endpoint, and about six store round trips. A caller
  // that hangs up stops nothing: asking again gets the answer. Errors: those of
  // oauth::ParseFormPost, ParseRedirectUrl and CheckAuthorizationResponse; those of
  // jose::VerifyJws, oauth::ValidateIdToken and CheckHashes for an ID token from the front channel;
  // STATE_UNKNOWN, BROWSER_BINDING_MISMATCH, CALLBACK_IN_PROGRESS; those of Provider::RequestToken;
  // PROVIDER_RESPONSE_INVALID with metadata `check` for a token response that does not validate;
  // STORE_UNAVAILABLE.
  Task<CallbackAnswer> Submit(const Asker& asker, SubmittedCallback callback, absl::Time deadline);

  // How many callbacks are being worked out, for draining.
  int in_flight() const { return in_flight_->load(); }

 private:
  Task<CallbackAnswer> Present(grants::CallbackOutcome outcome, Secret caller_context) const;

  using SharedOutcome = std::shared_ptr<const grants::CallbackOutcome>;

  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  const RevocationQueue revocations_;
  const std::shared_ptr<HeldAnswers> answers_;
  const std::shared_ptr<std::atomic<int>> in_flight_ = std::make_shared<std::atomic<int>>(0);
  provider::SingleFlight<std::string, SharedOutcome> flights_;
};

}  // namespace tokenbroker::broker
