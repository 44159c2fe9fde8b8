// The use cases wired together: what rpc/ is given.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/error.h"
#include "broker/access_tokens.h"
#include "broker/administration.h"
#include "broker/authorization.h"
#include "broker/callback.h"
#include "broker/client.h"
#include "broker/grant_changes.h"
#include "broker/held_answers.h"
#include "broker/logout.h"
#include "broker/refresh.h"
#include "broker/revocation.h"
#include "broker/revocation_queue.h"
#include "broker/token_cache.h"
#include "broker/token_exchange.h"
#include "broker/token_watch.h"
#include "broker/use_cases.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

struct BrokerOptions {
  std::string replica;                   // unique among replicas, for leases
  bool refresh_ahead = true;             // refresh.scheduler.enabled
  grants::AnswerSpool* spool = nullptr;  // null: nothing that the store does not take outlives us
  SpoolWhen spool_when = SpoolWhen::kStoreFails;
  AuthorizationLimits limits;
};

// Thread-safe. Borrows everything given to it; what it has begun may outlast it, but not those.
class Broker final : public UseCases {
 public:
  // `changes` is what observes the store, and tells `cache`.
  Broker(const Clients& clients, grants::GrantStore& store, const Clock& clock, TokenCache& cache,
         GrantChanges& changes, Runtime& runtime, BrokerOptions options);

  Task<AuthorizationUrl> CreateAuthorizationUrl(const Asker& asker, AuthorizationWish wish,
                                                absl::Time deadline) override;
  Task<CallbackAnswer> SubmitCallback(const Asker& asker, SubmittedCallback callback,
                                      absl::Time deadline) override;
  TokenSnapshot FindAccessToken(const Asker& asker, const AccessTokenQuery& query) override;
  Task<TokenSnapshot> GetAccessToken(const Asker& asker, AccessTokenQuery query,
                                     absl::Time deadline) override;
  Task<std::unique_ptr<TokenWatch>> WatchAccessToken(const Asker& asker, AccessTokenQuery query,
                                                     absl::Time deadline) override;
  absl::StatusOr<Secret> ProvePossession(const CachedToken& token,
                                         const oauth::DpopTarget& target) override;
  Task<grants::Grant> GetGrant(const Asker& asker, std::string grant_id) override;
  Task<grants::GrantPage> ListGrants(const Asker& asker, grants::GrantFilter filter,
                                     std::size_t page_size, std::string page_token) override;
  Task<RevokedGrant> RevokeGrant(const Asker& asker, std::string grant_id,
                                 absl::Time deadline) override;
  Task<Json> GetUserInfo(const Asker& asker, std::string grant_id, absl::Time deadline) override;
  Task<ExchangedToken> ExchangeToken(const Asker& asker, ExchangeWish wish,
                                     absl::Time deadline) override;
  Task<Secret> CreateLogoutUrl(const Asker& asker, LogoutWish wish, absl::Time deadline) override;
  Task<int> SubmitLogoutToken(const Asker& asker, SubmittedLogoutToken submitted,
                              absl::Time deadline) override;
  StatusTask CheckStore() override;

  // For the work that is done without a caller.
  Refresh& refresh() { return refresh_; }
  // For operators.
  Administration& administration() { return administration_; }

  // How many refreshes are under way: a drain waits for none.
  int refreshes_in_flight() const { return refresh_.in_flight(); }
  // How many sign-ins are between their callback and their grant.
  int sign_ins_in_flight() const { return callback_.in_flight(); }
  // How many have ended so: no reason means OK.
  std::uint64_t refreshes_ended(std::optional<Reason> reason) const {
    return refresh_.ended(reason);
  }

  // How long they waited for others of the same grant.
  const LeaseWaits& lease_waits() const { return refresh_.lease_waits(); }
  // What came of revocations.
  RevocationCounts revocations_tried() const { return revocations_.counts(); }
  // What of them waits in the store, as it was when WorkOffRevocations last looked.
  grants::RevocationSummary revocations_waiting() const { return revocations_.waiting(); }

  // Begins to store what a former process left in the spool. Once.
  void ReplaySpool() { refresh_.ReplaySpool(); }

  // Sees to revocations that providers have not confirmed, without end.
  asio::awaitable<void> WorkOffRevocations() const;

  // Puts answers of providers that the store has not taken on disk: for the end of the process.
  // Blocks.
  void SpoolAnswers() { answers_->SpoolAll(); }
  // Gives up the leases of refreshes that have no answer: for the end of the process.
  asio::awaitable<void> HandLeasesBack() { return refresh_.HandLeasesBack(); }

 private:
  const Clients& clients_;
  grants::GrantStore& store_;
  const RevocationQueue revocations_;
  const std::shared_ptr<HeldAnswers> answers_;
  Authorization authorization_;
  Callback callback_;
  Refresh refresh_;
  AccessTokens access_tokens_;
  TokenWatches token_watches_;
  Revocation revocation_;
  TokenExchange token_exchange_;
  Logout logout_;
  Administration administration_;
};

}  // namespace tokenbroker::broker
