// SubmitCallback: from what the browser brought back to a grant.
#pragma once

#include <optional>
#include <string>

#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/client.h"
#include "grants/grant_store.h"
#include "oauth/authorization_response.h"

namespace tokenbroker::broker {

struct SubmittedCallback {
  enum class Kind { kFormBody, kRedirectUrl };
  Kind kind = Kind::kFormBody;
  Secret content;  // the raw form body, or the whole URL
  Secret browser_binding;
};

struct CallbackAnswer {
  grants::Grant grant;     // with its secrets dropped
  Secret id_token_claims;  // a JSON object, claims untouched
  std::optional<Secret> front_channel_access_token;
  Secret caller_context;
};

// Thread-safe. Borrows everything given to it, until the last flight has landed.
class Callback {
 public:
  // `executor` runs what must go on when the caller hangs up.
  Callback(const Clients& clients, grants::GrantStore& store, const Clock& clock,
           asio::any_io_executor executor);

  // Checks the authorization response against the request it answers, redeems the code once, checks
  // the answer, and stores the grant.
  // Suspends: the provider's keys and token endpoint, and about five store round trips. A caller
  // that hangs up after the code has been sent stops nothing. Errors: every reason of
  // oauth/authorization_response.h, oauth/id_token.h and jose/jws.h for the front channel;
  // STATE_UNKNOWN, BROWSER_BINDING_MISMATCH, CALLBACK_IN_PROGRESS; those of Provider::RequestToken;
  // PROVIDER_RESPONSE_INVALID with metadata `check` for a token response that does not validate;
  // STORE_UNAVAILABLE.
  Task<CallbackAnswer> Submit(const Asker& asker, SubmittedCallback callback, absl::Time deadline);

 private:
  struct Parts;  // what one answered callback is worked out from

  Task<grants::CallbackOutcome> Answer(std::shared_ptr<const Parts> parts) const;
  Task<grants::CallbackOutcome> RedeemAndStore(std::shared_ptr<const Parts> parts) const;
  Task<CallbackAnswer> Present(grants::CallbackOutcome outcome, Secret caller_context) const;

  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  const asio::any_io_executor executor_;
};

}  // namespace tokenbroker::broker
