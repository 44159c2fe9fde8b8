// What the broker can be asked, as the gRPC services see it.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "absl/time/time.h"
#include "base/json.h"
#include "base/task.h"
#include "broker/access_tokens.h"
#include "broker/asker.h"
#include "broker/authorization.h"
#include "broker/callback.h"
#include "broker/logout.h"
#include "broker/revocation.h"
#include "broker/token_cache.h"
#include "broker/token_exchange.h"
#include "broker/token_watch.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

// Thread-safe. `asker` is who asks and must outlive the task. Tasks may be run on any executor and
// be cancelled at any point: what must not be cut short goes on by itself.
class UseCases {
 public:
  virtual ~UseCases() = default;

  virtual Task<AuthorizationUrl> CreateAuthorizationUrl(const Asker& asker, AuthorizationWish wish,
                                                        absl::Time deadline) = 0;
  virtual Task<CallbackAnswer> SubmitCallback(const Asker& asker, SubmittedCallback callback,
                                              absl::Time deadline) = 0;

  // The hot path: answers from the cache or not at all. Never blocks, never allocates much, takes
  // no lock that all threads share. Nothing means: ask GetAccessToken.
  virtual TokenSnapshot FindAccessToken(const Asker& asker, const AccessTokenQuery& query) = 0;
  // Errors: GRANT_UNKNOWN, CLIENT_UNKNOWN, INVALID_REQUEST, SCOPE_NOT_ALLOWED,
  // AUDIENCE_NOT_ALLOWED, REAUTHORIZATION_REQUIRED, those of Provider::RequestToken,
  // STORE_UNAVAILABLE.
  virtual Task<TokenSnapshot> GetAccessToken(const Asker& asker, AccessTokenQuery query,
                                             absl::Time deadline) = 0;

  // The same and each token that replaces it. Errors: as GetAccessToken, before anything else.
  virtual Task<std::unique_ptr<TokenWatch>> WatchAccessToken(const Asker& asker,
                                                             AccessTokenQuery query,
                                                             absl::Time deadline) = 0;

  // A DPoP proof for one request that a caller sends `token` with (RFC 9449). `target` has passed
  // oauth::CheckDpopTarget. No I/O, but the time of a signature.
  // Errors: INVALID_REQUEST with field `dpop_proof_for` for a bearer token.
  virtual absl::StatusOr<Secret> ProvePossession(const CachedToken& token,
                                                 const oauth::DpopTarget& target) = 0;

  // The grants that these return hold their tokens: nothing of those goes into an answer.
  // Errors: GRANT_UNKNOWN.
  virtual Task<grants::Grant> GetGrant(const Asker& asker, std::string grant_id) = 0;
  virtual Task<grants::GrantPage> ListGrants(const Asker& asker, grants::GrantFilter filter,
                                             std::size_t page_size, std::string page_token) = 0;
  // Revokes at the provider where it can; always drops the grant here.
  virtual Task<RevokedGrant> RevokeGrant(const Asker& asker, std::string grant_id,
                                         absl::Time deadline) = 0;
  virtual Task<Json> GetUserInfo(const Asker& asker, std::string grant_id, absl::Time deadline) = 0;
  // See TokenExchange.
  virtual Task<ExchangedToken> ExchangeToken(const Asker& asker, ExchangeWish wish,
                                             absl::Time deadline) = 0;
  // See Logout.
  virtual Task<Secret> CreateLogoutUrl(const Asker& asker, LogoutWish wish,
                                       absl::Time deadline) = 0;
  virtual Task<int> SubmitLogoutToken(const Asker& asker, SubmittedLogoutToken submitted,
                                      absl::Time deadline) = 0;
  // Whether the store answers, for readiness.
  virtual StatusTask CheckStore() = 0;
};

}  // namespace tokenbroker::broker
