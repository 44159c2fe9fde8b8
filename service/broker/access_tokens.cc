#include "broker/access_tokens.h"

#include <optional>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "broker/held_token.h"
#include "broker/lifetime.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;
using grants::GrantState;
using grants::TokenSelector;

// Several subjects' worth of grants fit in one page; more of one subject are not looked at.
constexpr std::size_t kGrantsOfSubject = 100;

constexpr std::size_t kJtiBytes = 16;

// A caller who needs the token will meet the same failure, with somebody there to hear of it.
asio::awaitable<void> IgnoreOutcome(StatusTask task) { (void)co_await std::move(task); }

}  // namespace

// A colon is in no grant id.
std::string CredentialsPlace(std::string_view client) {
  return absl::StrCat("client:", std::string(client));
}

AccessTokens::AccessTokens(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                           TokenCache& cache, GrantChanges& changes, Refresh& refresh,
                           Runtime& runtime, bool refresh_ahead)
    : clients_(clients),
      store_(store),
      clock_(clock),
      cache_(cache),
      changes_(changes),
      refresh_(refresh),
      runtime_(runtime),
      refresh_ahead_(refresh_ahead),
      uses_(store, runtime),
      credential_flights_(runtime, clock) {}

TokenSnapshot AccessTokens::Find(const Asker& asker, const AccessTokenQuery& query) const {
  TokenSnapshot token = FindCached(asker, query);
  cache_.NoteLookup(token != nullptr);
  return token;
}

TokenSnapshot AccessTokens::FindCached(const Asker& asker, const AccessTokenQuery& query) const {
  std::string key;
  if (const auto* by_grant = std::get_if<ByGrantId>(&query.selector)) {
    key = CacheKey(by_grant->grant_id, query.audience, query.scopes);
  } else if (const auto* by_client = std::get_if<ByClientCredentials>(&query.selector)) {
    key = CacheKey(CredentialsPlace(by_client->client), query.audience, query.scopes);
  } else {
    return nullptr;
  }
  TokenSnapshot token = cache_.Find(key);
  if (token == nullptr) return nullptr;
  const bool may_see = token->grant_id.empty() ? asker.MayUseClient(token->client)
                                               : asker.MaySee(token->owner, token->client);
  if (!may_see || !MayHave(asker, token->scopes, token->audience)) return nullptr;
  if (token->value == query.rejected_access_token) return nullptr;
  const absl::Time now = clock_.Now();
  if (!IsGoodFor(token->obtained_at, token->expires_at, query.min_remaining_lifetime, now)) {
    return nullptr;
  }
  if (refresh_ahead_ && now >= token->refresh_after && !token->grant_id.empty() &&
      !token->refresh_begun.exchange(true)) {
    RenewBehind(*token);
  }
  uses_.Note(*token, now);
  return token;
}

void AccessTokens::RenewBehind(const CachedToken& token) const {
  RefreshNeed need{.selector = token.selector, .ahead_of_time = true};
  const absl::Time deadline = clock_.Now() + absl::Minutes(1);
  runtime_.Spawn(IgnoreOutcome(refresh_.Renew(token.grant_id, std::move(need), deadline)));
}

Task<TokenSnapshot> AccessTokens::Get(const Asker& asker, AccessTokenQuery query,
                                      absl::Time deadline) {
  if (query.min_remaining_lifetime < absl::ZeroDuration()) {
    co_return FieldError("min_remaining_lifetime", "must not be negative");
  }
  if (std::holds_alternative<ByClientCredentials>(query.selector)) {
    co_return co_await ByCredentials(asker, std::move(query), deadline);
  }
  std::string grant_id;
  if (auto* by_grant = std::get_if<ByGrantId>(&query.selector)) {
    grant_id = by_grant->grant_id;
  } else {
    auto newest = co_await NewestGrantOf(asker, query);
    if (!newest.ok()) co_return newest.status();
    grant_id = *std::move(newest);
  }
  if (grant_id.empty()) co_return FieldError("grant_id", "is missing");
  co_return co_await OfGrant(asker, std::move(grant_id), std::move(query), deadline);
}

Task<std::string> AccessTokens::NewestGrantOf(const Asker& asker, const AccessTokenQuery& query) {
  const auto& subject = std::get<BySubject>(query.selector);
  if (subject.subject.empty()) co_return FieldError("subject_grant.subject", "is missing");
  CO_RETURN_IF_ERROR(clients_.Find(subject.client, asker).status());
  auto scopes = oauth::Scopes::FromValues(query.scopes);
  if (!scopes.ok()) co_return FieldError("scopes", "holds a value that is no scope");
  grants::GrantFilter filter{
      .client = subject.client, .subject = subject.subject, .state = GrantState::kActive};
  std::string first_page;
  auto page =
      co_await store_.ListGrants(std::move(filter), kGrantsOfSubject, std::move(first_page));
  if (!page.ok()) co_return page.status();
  const Grant* newest = nullptr;
  for (const Grant& grant : page->grants) {
    const bool fits = asker.MaySee(grant.caller, grant.client) && grant.scopes.Covers(*scopes);
    if (fits && (newest == nullptr || grant.created_at > newest->created_at)) newest = &grant;
  }
  if (newest == nullptr) co_return Error(Reason::kGrantUnknown);
  co_return newest->id;
}

absl::StatusOr<Secret> AccessTokens::Prove(const CachedToken& token,
                                           const oauth::DpopTarget& target) const {
  if (!token.dpop_key) {
    return FieldError("dpop_proof_for",
                      "is only for tokens that are bound to a key; this one is a "
                      "bearer token");
  }
  return oauth::MakeDpopProof(*token.dpop_key, target, &token.value, RandomToken(kJtiBytes),
                              clock_.Now());
}

absl::StatusOr<TokenSnapshot> AccessTokens::Keep(const Grant& grant, const TokenSelector& selector,
                                                 const Client& client, const std::string& key,
                                                 TokenCache::Ticket ticket) const {
  ASSIGN_OR_RETURN(TokenSnapshot token, TakeSnapshot(grant, selector, client));
  cache_.Insert(key, token, ticket);
  return token;
}

Task<TokenSnapshot> AccessTokens::OfGrant(const Asker& asker, std::string grant_id,
                                          AccessTokenQuery query, absl::Time deadline) {
  const std::string key = CacheKey(grant_id, query.audience, query.scopes);
  bool renewed = false;
  while (true) {
    const TokenCache::Ticket ticket = cache_.BeginLoad(grant_id);
    std::string sought = grant_id;
    auto grant = co_await store_.FindGrant(std::move(sought));
    if (HasReason(grant.status(), Reason::kStoreUnavailable)) {
      co_return WhileStoreIsAway(asker, key, query, grant.status());
    }
    if (!grant.ok()) co_return grant.status();
    if (!asker.MaySee(grant->caller, grant->client)) co_return Error(Reason::kGrantUnknown);
    if (grant->state != GrantState::kActive) co_return Ended(*grant);
    const ClientPtr client = clients_.FindAny(grant->client);
    if (client == nullptr) co_return Error(Reason::kClientUnknown);
    CO_ASSIGN_OR_RETURN(const TokenSelector selector,
                        SelectToken(query.scopes, query.audience, *grant, *client));
    // Asked before a refresh, so that a caller cannot have tokens made that it may not have.
    const oauth::Scopes& wanted = selector.scopes.empty() ? grant->scopes : selector.scopes;
    if (!MayHave(asker, wanted.values(),
                 selector.audience.empty() ? grant->audience : selector.audience)) {
      co_return Error(Reason::kScopeNotAllowed, {{"because", "policy"}});
    }

    RefreshNeed need{.selector = selector,
                     .min_remaining_lifetime = query.min_remaining_lifetime,
                     .rejected_access_token = query.rejected_access_token.Copy()};
    const absl::Time now = clock_.Now();
    const bool there = grant->access_tokens.contains(selector);
    // After a renewal the token is as good as it gets: what counts is that it has not expired.
    const bool usable = there && grant->access_tokens.at(selector).expires_at > now;
    if (Meets(*grant, need, client->refresh, now) || (renewed && usable)) {
      CO_ASSIGN_OR_RETURN(TokenSnapshot token, Keep(*grant, selector, *client, key, ticket));
      CO_RETURN_IF_ERROR(CheckRelease(asker, *token));
      uses_.Note(*token, now);
      co_return token;
    }
    if (renewed) {
      co_return Error(Reason::kProviderResponseInvalid,
                      {{"check", "EXPIRES_IN"}, {"provider", grant->provider}});
    }
    std::optional<Grant> as_read = grant->Copy();
    absl::Status outcome =
        co_await refresh_.Renew(grant_id, need.Copy(), deadline, std::move(as_read));
    if (!outcome.ok()) {
      // The old token is better than none, unless the caller said that it is not good enough.
      const bool gone =
          HasReason(outcome, Reason::kReauthorizationRequired) && grant->refresh_token.has_value();
      if (!there || gone) co_return outcome;
      const grants::AccessToken& old = grant->access_tokens.at(selector);
      const absl::Duration remaining = old.expires_at - clock_.Now();  // the attempt took its time
      const bool good_enough = remaining > absl::ZeroDuration() &&
                               remaining >= query.min_remaining_lifetime &&
                               old.value != query.rejected_access_token;
      if (!good_enough) co_return outcome;
      CO_ASSIGN_OR_RETURN(TokenSnapshot token, Keep(*grant, selector, *client, key, ticket));
      CO_RETURN_IF_ERROR(CheckRelease(asker, *token));
      uses_.Note(*token, now);
      co_return token;
    }
    renewed = true;
  }
}

absl::StatusOr<TokenSnapshot> AccessTokens::WhileStoreIsAway(const Asker& asker,
                                                             const std::string& key,
                                                             const AccessTokenQuery& query,
                                                             const absl::Status& outage) const {
  TokenSnapshot token = cache_.FindUntrusted(key);
  const bool good_enough = token != nullptr && asker.MaySee(token->owner, token->client) &&
                           token->expires_at - clock_.Now() > query.min_remaining_lifetime &&
                           token->value != query.rejected_access_token;
  if (!good_enough) return outage;
  RETURN_IF_ERROR(CheckRelease(asker, *token));
  return token;
}

}  // namespace tokenbroker::broker
