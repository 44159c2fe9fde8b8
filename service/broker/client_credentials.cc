// Tokens of a client's own (RFC 6749 section 4.4). They need no store: nothing is lost with them.
#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/access_tokens.h"
#include "broker/dpop.h"
#include "broker/held_token.h"
#include "broker/lifetime.h"
#include "provider/certificate_binding.h"

namespace tokenbroker::broker {
namespace {

Task<TokenSnapshot> Fetch(ClientPtr client, grants::TokenSelector selector, const Clock& clock) {
  const std::string audience =
      selector.audience.empty() ? client->default_audience : selector.audience;
  Target target = TargetOf(*client, audience);
  oauth::AuthorizationGrant request =
      oauth::ClientCredentials{.scopes = selector.scopes,
                               .audience = std::move(target.audience),
                               .resources = std::move(target.resources)};
  // Tokens of a client's own are in no record, and neither are their keys: each has its own.
  CO_ASSIGN_OR_RETURN(oauth::DpopKey dpop_key, MakeDpopKey(*client));
  const absl::Time sent_at = clock.Now();
  const absl::Time deadline = sent_at + client->refresh.request_timeout;
  auto response = co_await client->provider->RequestToken(client->registration, std::move(request),
                                                          dpop_key, provider::Permit(), deadline);
  if (!response.ok()) co_return response.status();
  CO_RETURN_IF_ERROR(
      provider::CheckCertificateBinding(client->registration, response->access_token));
  grants::AccessToken held = KeepAccessToken(*response, selector.scopes, *client, sent_at);
  auto token = std::make_shared<CachedToken>();
  token->client = client->name;
  token->value = std::move(held.value);
  token->token_type = std::move(held.token_type);
  token->dpop_key = std::move(dpop_key);
  token->expires_at = held.expires_at;
  token->obtained_at = held.obtained_at;
  token->refresh_after = absl::InfiniteFuture();
  token->scopes = held.scopes.values();
  token->audience = audience;
  token->generation = 1;
  co_return TokenSnapshot(std::move(token));
}

// What it uses outlives the broker that began it.
Task<TokenSnapshot> KeepOwnToken(TokenCache& cache, GrantChanges& changes, std::string place,
                                 std::string key, TokenCache::Ticket ticket,
                                 Task<TokenSnapshot> flight) {
  auto token = co_await std::move(flight);
  if (!token.ok()) co_return token.status();
  cache.Insert(key, *token, ticket);
  changes.TellListeners(place);
  co_return *std::move(token);
}

}  // namespace

Task<TokenSnapshot> AccessTokens::RequestOwnToken(ClientPtr client, const std::string& audience,
                                                  const oauth::Scopes& scopes,
                                                  absl::Time deadline) {
  std::string place = CredentialsPlace(client->name);
  std::string key = CacheKey(place, audience, scopes.values());
  const TokenCache::Ticket ticket = cache_.BeginLoad(place);
  auto work = [client = std::move(client),
               selector = grants::TokenSelector{.audience = audience, .scopes = scopes},
               &clock = clock_]() mutable { return Fetch(client, std::move(selector), clock); };
  auto flight = credential_flights_.Run(key, std::move(work), deadline);
  return KeepOwnToken(cache_, changes_, std::move(place), std::move(key), ticket,
                      std::move(flight));
}

Task<TokenSnapshot> AccessTokens::ByCredentials(const Asker& asker, AccessTokenQuery query,
                                                absl::Time deadline) {
  const std::string& name = std::get<ByClientCredentials>(query.selector).client;
  CO_ASSIGN_OR_RETURN(const ClientPtr client, clients_.Find(name, asker));
  if (!client->allows_client_credentials) {
    co_return Error(Reason::kOperationNotSupported,
                    {{"client", client->name}, {"needs", "client_credentials"}});
  }
  auto scopes = oauth::Scopes::FromValues(query.scopes);
  if (!scopes.ok()) co_return FieldError("scopes", "holds a value that is no scope");
  if (!client->scopes.Covers(*scopes)) co_return Error(Reason::kScopeNotAllowed);
  if (!query.audience.empty() && !MayTarget(*client, query.audience)) {
    co_return Error(Reason::kAudienceNotAllowed, {{"audience", query.audience}});
  }
  auto token = co_await RequestOwnToken(client, query.audience, *scopes, deadline);
  if (!token.ok()) co_return token.status();
  CO_RETURN_IF_ERROR(CheckRelease(asker, **token));
  co_return *std::move(token);
}

}  // namespace tokenbroker::broker
