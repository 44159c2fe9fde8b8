// ExchangeToken: another token for one that the caller holds (RFC 8693).
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/asker.h"
#include "broker/client.h"
#include "oauth/scopes.h"

namespace tokenbroker::broker {

// Empty members are not asked for; `client`, `subject_token` and its type must be there.
struct ExchangeWish {
  std::string client;
  Secret subject_token;
  std::string subject_token_type;
  Secret actor_token;
  std::string actor_token_type;
  std::string requested_token_type;
  std::string audience;
  std::vector<std::string> resources;
  std::vector<std::string> scopes;
};

struct ExchangedToken {
  Secret value;
  std::string token_type;
  std::string issued_token_type;
  std::optional<absl::Time> expires_at;  // where the provider says
  oauth::Scopes scopes;
};

// Thread-safe. Borrows everything given to it. Keeps nothing: each exchange is one token request.
class TokenExchange {
 public:
  TokenExchange(const Clients& clients, const Clock& clock) : clients_(clients), clock_(clock) {}

  // Nobody gets what policy does not let them have: a caller that is limited to some scopes or
  // audiences has to name what it wants, and a token that turns out to do more is not released. A
  // refresh token is never asked for and never released.
  // Errors: INVALID_REQUEST, CLIENT_UNKNOWN, OPERATION_NOT_SUPPORTED, SCOPE_NOT_ALLOWED,
  // AUDIENCE_NOT_ALLOWED, those of Provider::RequestToken.
  Task<ExchangedToken> Exchange(const Asker& asker, ExchangeWish wish, absl::Time deadline);

 private:
  const Clients& clients_;
  const Clock& clock_;
};

}  // namespace tokenbroker::broker
