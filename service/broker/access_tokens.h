// GetAccessToken: a token that is still good, from the cache while it can, from a refresh when it
// must.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/asker.h"
#include "broker/client.h"
#include "broker/grant_changes.h"
#include "broker/grant_uses.h"
#include "broker/refresh.h"
#include "broker/token_cache.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "oauth/dpop.h"
#include "provider/single_flight.h"

namespace tokenbroker::broker {

struct ByGrantId {
  std::string grant_id;
};
struct BySubject {  // the newest active grant of that subject that covers the scopes
  std::string client;
  std::string subject;
};
struct ByClientCredentials {
  std::string client;
};

struct AccessTokenQuery {
  std::variant<ByGrantId, BySubject, ByClientCredentials> selector;
  std::vector<std::string> scopes;  // empty: all that were granted
  std::string audience;             // empty: the grant's own
  absl::Duration min_remaining_lifetime = absl::ZeroDuration();
  Secret rejected_access_token;  // empty: none
};

// Where a client's own tokens lie in the cache, beside the grants' and never meeting them.
std::string CredentialsPlace(std::string_view client);

// Thread-safe. Borrows everything given to it.
class AccessTokens {
 public:
  // `refresh_ahead`: whether a token past its refresh point is renewed behind a caller's back. Off,
  // a refresh happens only when a caller needs one.
  AccessTokens(const Clients& clients, grants::GrantStore& store, const Clock& clock,
               TokenCache& cache, GrantChanges& changes, Refresh& refresh, Runtime& runtime,
               bool refresh_ahead);

  // The hot path: from the cache or not at all. No I/O; no lock that all threads share.
  TokenSnapshot Find(const Asker& asker, const AccessTokenQuery& query) const;

  // Suspends: one store round trip where nothing needs renewing, otherwise a refresh. A caller that
  // gives up stops no refresh.
  // Errors: as UseCases::GetAccessToken.
  Task<TokenSnapshot> Get(const Asker& asker, AccessTokenQuery query, absl::Time deadline);

  // A new token of the client's own (RFC 6749 section 4.4), whatever is in the cache, which then
  // has it too. The client may have such tokens, and this audience and these scopes. The task may
  // outlive this object. Errors: those of Provider::RequestToken; DEADLINE_EXCEEDED.
  Task<TokenSnapshot> RequestOwnToken(ClientPtr client, const std::string& audience,
                                      const oauth::Scopes& scopes, absl::Time deadline);

  // A proof for whoever sends `token` (RFC 9449 section 7.1). `target` has passed CheckDpopTarget.
  // No I/O, but the time of a signature.
  // Errors: INVALID_REQUEST with field `dpop_proof_for` for a bearer token.
  absl::StatusOr<Secret> Prove(const CachedToken& token, const oauth::DpopTarget& target) const;

 private:
  TokenSnapshot FindCached(const Asker& asker, const AccessTokenQuery& query) const;
  Task<TokenSnapshot> OfGrant(const Asker& asker, std::string grant_id, AccessTokenQuery query,
                              absl::Time deadline);
  Task<std::string> NewestGrantOf(const Asker& asker, const AccessTokenQuery& query);
  Task<TokenSnapshot> ByCredentials(const Asker& asker, AccessTokenQuery query,
                                    absl::Time deadline);
  absl::StatusOr<TokenSnapshot> Keep(const grants::Grant& grant,
                                     const grants::TokenSelector& selector, const Client& client,
                                     const std::string& key, TokenCache::Ticket ticket) const;
  void RenewBehind(const CachedToken& token) const;
  absl::StatusOr<TokenSnapshot> WhileStoreIsAway(const Asker& asker, const std::string& key,
                                                 const AccessTokenQuery& query,
                                                 const absl::Status& outage) const;

  const Clients& clients_;
  grants::GrantStore& store_;
  const Clock& clock_;
  TokenCache& cache_;
  GrantChanges& changes_;
  Refresh& refresh_;
  Runtime& runtime_;
  const bool refresh_ahead_;
  const GrantUses uses_;
  provider::SingleFlight<std::string, TokenSnapshot> credential_flights_;
};

}  // namespace tokenbroker::broker
