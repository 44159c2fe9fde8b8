// One pending sign-in, found by `state`, from CreateAuthorizationUrl to SubmitCallback.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/secret.h"
#include "grants/stored_key.h"
#include "oauth/response_type.h"
#include "oauth/scopes.h"

namespace tokenbroker::grants {

// Thread-compatible value; move-only because of the secrets in it.
struct PendingAuthorization {
  std::string caller;
  std::string client;  // configured name
  std::string issuer;  // the one the browser was sent to, whatever the configuration says by then
  std::string redirect_uri;
  oauth::ResponseType response_type;
  oauth::ResponseMode response_mode = oauth::ResponseMode::kFormPost;
  oauth::Scopes scopes;
  std::string audience;  // may be empty
  std::vector<std::string> resources;
  std::optional<std::string> organization;
  std::optional<absl::Duration> max_age;
  std::vector<std::string> acr_values;
  Secret nonce;
  Secret code_verifier;
  std::optional<StoredKey> dpop_key;  // that the code and the grant's tokens are bound to
  std::string binding_digest;         // SHA-256 of the browser binding
  Secret caller_context;
  absl::Time created_at;
  absl::Time expires_at;

  // A second copy, made on purpose.
  PendingAuthorization Copy() const;
};

// What SubmitCallback answered, kept so that the very same callback gets the very same answer.
struct CallbackOutcome {
  std::string grant_id;
  Secret id_token_claims;  // JSON object
  std::optional<Secret> front_channel_access_token;

  // A second copy, made on purpose.
  CallbackOutcome Copy() const;
};

// What FinishAuthorization is still to be told of a sign-in whose grant is there.
struct FinishedSignIn {
  Secret state;
  CallbackOutcome outcome;

  FinishedSignIn Copy() const { return {state.Copy(), outcome.Copy()}; }
};

}  // namespace tokenbroker::grants
