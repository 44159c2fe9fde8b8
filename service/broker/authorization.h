// CreateAuthorizationUrl: from what a caller wants to a URL for the browser.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/client.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// As in the contract's CreateAuthorizationUrlRequest; "" and nothing mean the client's default.
struct AuthorizationWish {
  std::string client;
  std::string redirect_uri;
  std::string response_type;
  std::string response_mode;
  std::vector<std::string> scopes;
  std::string audience;
  std::vector<std::string> resources;
  std::string organization;
  std::string invitation;
  std::string login_hint;
  std::string prompt;
  std::optional<absl::Duration> max_age;
  std::vector<std::string> acr_values;
  std::vector<std::string> ui_locales;
  std::string id_token_hint;
  std::map<std::string, std::string> extra_parameters;
  Secret caller_context;  // up to 4 KiB
};

struct AuthorizationUrl {
  std::string url;
  Secret state;
  Secret browser_binding;
  absl::Time expires_at;  // until when the browser may be sent there
};

struct AuthorizationLimits {
  std::size_t max_pending_per_caller = 100'000;
};

// Thread-safe. Borrows everything given to it.
class Authorization {
 public:
  Authorization(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                AuthorizationLimits limits);

  // Keeps the request sealed in the store and returns where to send the browser.
  // Nothing is kept where the provider refuses the request that is pushed to it.
  // Suspends: the provider's discovery where it is not known yet, the pushed request where there is
  // one, and two store round trips.
  // Errors: INVALID_REQUEST (with the field), CLIENT_UNKNOWN, REDIRECT_URI_NOT_REGISTERED,
  // RESPONSE_TYPE_NOT_ALLOWED, RESPONSE_MODE_NOT_ALLOWED, SCOPE_NOT_ALLOWED, AUDIENCE_NOT_ALLOWED,
  // PARAMETER_RESERVED, LIMIT_REACHED, STORE_UNAVAILABLE, those of Provider::Metadata and of
  // SendOff.
  Task<AuthorizationUrl> CreateUrl(const Asker& asker, AuthorizationWish wish, absl::Time deadline);

 private:
  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  const AuthorizationLimits limits_;
};

}  // namespace tokenbroker::broker
