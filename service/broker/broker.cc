#include "broker/broker.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "broker/id_token_check.h"
#include "broker/visible_grants.h"

namespace tokenbroker::broker {

Broker::Broker(const Clients& clients, grants::GrantStore& store, const Clock& clock,
               TokenCache& cache, GrantChanges& changes, Runtime& runtime, BrokerOptions options)
    : clients_(clients),
      store_(store),
      revocations_(clients, store, clock, runtime),
      answers_(std::make_shared<HeldAnswers>(options.spool, options.spool_when)),
      authorization_(clients, store, clock, options.limits),
      callback_(clients, store, clock, runtime, revocations_, answers_),
      refresh_(clients, store, clock, changes, runtime, revocations_, std::move(options.replica),
               options.spool, answers_),
      access_tokens_(clients, store, clock, cache, changes, refresh_, runtime,
                     options.refresh_ahead),
      token_watches_(clients, store, clock, cache, changes, runtime, refresh_, access_tokens_),
      revocation_(clients, store, clock, revocations_),
      token_exchange_(clients, clock),
      logout_(clients, store, clock, revocations_),
      administration_(clients, store, clock, refresh_, revocation_) {}

Task<AuthorizationUrl> Broker::CreateAuthorizationUrl(const Asker& asker, AuthorizationWish wish,
                                                      absl::Time deadline) {
  return authorization_.CreateUrl(asker, std::move(wish), deadline);
}

Task<CallbackAnswer> Broker::SubmitCallback(const Asker& asker, SubmittedCallback callback,
                                            absl::Time deadline) {
  return callback_.Submit(asker, std::move(callback), deadline);
}

TokenSnapshot Broker::FindAccessToken(const Asker& asker, const AccessTokenQuery& query) {
  return access_tokens_.Find(asker, query);
}

Task<TokenSnapshot> Broker::GetAccessToken(const Asker& asker, AccessTokenQuery query,
                                           absl::Time deadline) {
  return access_tokens_.Get(asker, std::move(query), deadline);
}

Task<std::unique_ptr<TokenWatch>> Broker::WatchAccessToken(const Asker& asker,
                                                           AccessTokenQuery query,
                                                           absl::Time deadline) {
  return token_watches_.Open(asker, std::move(query), deadline);
}

absl::StatusOr<Secret> Broker::ProvePossession(const CachedToken& token,
                                               const oauth::DpopTarget& target) {
  return access_tokens_.Prove(token, target);
}

Task<grants::Grant> Broker::GetGrant(const Asker& asker, std::string grant_id) {
  if (grant_id.empty()) co_return FieldError("grant_id", "is missing");
  auto grant = co_await store_.FindGrant(std::move(grant_id));
  if (!grant.ok()) co_return grant.status();
  if (!asker.MaySee(grant->caller, grant->client)) co_return Error(Reason::kGrantUnknown);
  co_return grant;
}

Task<grants::GrantPage> Broker::ListGrants(const Asker& asker, grants::GrantFilter filter,
                                           std::size_t page_size, std::string page_token) {
  return ListVisibleGrants(store_, asker, std::move(filter), page_size, std::move(page_token));
}

Task<RevokedGrant> Broker::RevokeGrant(const Asker& asker, std::string grant_id,
                                       absl::Time deadline) {
  if (grant_id.empty()) co_return FieldError("grant_id", "is missing");
  co_return co_await revocation_.Revoke(asker, std::move(grant_id), deadline);
}

Task<Json> Broker::GetUserInfo(const Asker& asker, std::string grant_id, absl::Time deadline) {
  AccessTokenQuery query{.selector = ByGrantId{grant_id}};
  auto token = co_await access_tokens_.Get(asker, std::move(query), deadline);
  if (!token.ok()) co_return token.status();
  auto grant = co_await store_.FindGrant(std::move(grant_id));
  if (!grant.ok()) co_return grant.status();
  const ClientPtr client = clients_.FindAny(grant->client);
  if (client == nullptr) co_return Error(Reason::kClientUnknown);
  Secret access_token = (*token)->value.Copy();
  oauth::DpopKey dpop_key = (*token)->dpop_key;
  std::string subject = grant->id_token.subject;
  auto claims =
      co_await client->provider->FetchUserInfo(client->registration, std::move(access_token),
                                               std::move(dpop_key), std::move(subject), deadline);
  if (!claims.ok()) co_return AsProviderFault(claims.status());
  co_return claims;
}

Task<ExchangedToken> Broker::ExchangeToken(const Asker& asker, ExchangeWish wish,
                                           absl::Time deadline) {
  return token_exchange_.Exchange(asker, std::move(wish), deadline);
}

Task<Secret> Broker::CreateLogoutUrl(const Asker& asker, LogoutWish wish, absl::Time deadline) {
  return logout_.CreateUrl(asker, std::move(wish), deadline);
}

Task<int> Broker::SubmitLogoutToken(const Asker& asker, SubmittedLogoutToken submitted,
                                    absl::Time deadline) {
  return logout_.SubmitToken(asker, std::move(submitted), deadline);
}

asio::awaitable<void> Broker::WorkOffRevocations() const { return revocations_.Run(); }

StatusTask Broker::CheckStore() { return store_.Check(); }

}  // namespace tokenbroker::broker
