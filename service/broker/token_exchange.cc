#include "broker/token_exchange.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/token_exchange.h"
#include "oauth/url.h"
#include "provider/certificate_binding.h"

namespace tokenbroker::broker {
namespace {

template <typename Values>
bool Holds(const Values& values, const std::string& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

// A type is a URI (RFC 8693 section 3).
absl::Status CheckType(const std::string& type, std::string_view field) {
  return oauth::SplitUri(type) ? absl::OkStatus() : FieldError(field, "must be a token type's URI");
}

absl::Status CheckTokens(const ExchangeWish& wish) {
  if (wish.client.empty()) return FieldError("client", "is missing");
  if (wish.subject_token.empty()) return FieldError("subject_token", "is missing");
  RETURN_IF_ERROR(CheckType(wish.subject_token_type, "subject_token_type"));
  if (wish.actor_token.empty() && !wish.actor_token_type.empty()) {
    return FieldError("actor_token_type", "is given without an actor_token");
  }
  if (!wish.actor_token.empty()) {
    RETURN_IF_ERROR(CheckType(wish.actor_token_type, "actor_token_type"));
  }
  if (wish.requested_token_type.empty()) return absl::OkStatus();
  if (wish.requested_token_type == oauth::kRefreshTokenType) {
    return FieldError("requested_token_type", "must not be that of refresh tokens");
  }
  return CheckType(wish.requested_token_type, "requested_token_type");
}

absl::Status CheckScope(const Asker& asker, const std::string& scope) {
  const bool allowed = !asker.scopes || scope == "openid" || asker.scopes->Contains(scope);
  return allowed ? absl::OkStatus()
                 : Error(Reason::kScopeNotAllowed, {{"because", "policy"}, {"scope", scope}});
}

absl::StatusOr<oauth::Scopes> ChooseScopes(const Client& client, const Asker& asker,
                                           const std::vector<std::string>& wished) {
  auto scopes = oauth::Scopes::FromValues(wished);
  if (!scopes.ok()) return FieldError("scopes", "holds a value that is no scope");
  if (scopes->empty() && asker.scopes) {
    return Error(Reason::kScopeNotAllowed, {{"because", "policy"}});
  }
  for (const std::string& scope : scopes->values()) {
    if (!client.scopes.Contains(scope)) return Error(Reason::kScopeNotAllowed, {{"scope", scope}});
    RETURN_IF_ERROR(CheckScope(asker, scope));
  }
  return scopes;
}

// The audience asked for, "" for none. A resource is an audience by another name.
absl::StatusOr<std::string> ChooseAudience(const Client& client, const Asker& asker,
                                           const ExchangeWish& wish) {
  const std::string& audience = wish.audience.empty() ? client.default_audience : wish.audience;
  const auto may_have = [&](const std::string& target) {
    return !asker.audiences || asker.audiences->contains(target);
  };
  const bool configured =
      audience.empty() || audience == client.default_audience || Holds(client.audiences, audience);
  if (!configured || (!audience.empty() && !may_have(audience))) {
    return Error(Reason::kAudienceNotAllowed, {{"audience", audience}});
  }
  for (const std::string& resource : wish.resources) {
    if (!Holds(client.resources, resource) || !may_have(resource)) {
      return Error(Reason::kAudienceNotAllowed, {{"resource", resource}});
    }
  }
  if (asker.audiences && audience.empty() && wish.resources.empty()) {
    return Error(Reason::kAudienceNotAllowed, {{"because", "policy"}});
  }
  return audience;
}

}  // namespace

Task<ExchangedToken> TokenExchange::Exchange(const Asker& asker, ExchangeWish wish,
                                             absl::Time deadline) {
  CO_RETURN_IF_ERROR(CheckTokens(wish));
  CO_ASSIGN_OR_RETURN(const ClientPtr client, clients_.Find(wish.client, asker));
  if (!client->allows_token_exchange) {
    co_return Error(Reason::kOperationNotSupported,
                    {{"client", client->name}, {"needs", "token_exchange"}});
  }
  CO_ASSIGN_OR_RETURN(const oauth::Scopes scopes, ChooseScopes(*client, asker, wish.scopes));
  CO_ASSIGN_OR_RETURN(const std::string audience, ChooseAudience(*client, asker, wish));
  oauth::TokenExchange exchange{.subject_token = std::move(wish.subject_token),
                                .subject_token_type = std::move(wish.subject_token_type),
                                .actor_token = std::move(wish.actor_token),
                                .actor_token_type = std::move(wish.actor_token_type),
                                .requested_token_type = std::move(wish.requested_token_type),
                                .scopes = scopes,
                                .resources = std::move(wish.resources)};
  if (!audience.empty()) exchange.audience = audience;
  oauth::AuthorizationGrant request = std::move(exchange);
  const absl::Time sent_at = clock_.Now();
  auto response = co_await client->provider->RequestToken(client->registration, std::move(request),
                                                          nullptr, provider::Permit(), deadline);
  if (!response.ok()) co_return response.status();
  if (response->token_type != oauth::kNoTokenType) {
    CO_RETURN_IF_ERROR(
        provider::CheckCertificateBinding(client->registration, response->access_token));
  }

  ExchangedToken token{.value = std::move(response->access_token),
                       .token_type = std::move(response->token_type),
                       .issued_token_type = *std::move(response->issued_token_type),
                       .scopes = response->scopes.value_or(scopes)};
  for (const std::string& scope : token.scopes.values()) {
    CO_RETURN_IF_ERROR(CheckScope(asker, scope));
  }
  if (response->lifetime) token.expires_at = sent_at + *response->lifetime;
  co_return token;
}

}  // namespace tokenbroker::broker
