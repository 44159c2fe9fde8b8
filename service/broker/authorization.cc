#include "broker/authorization.h"

#include <algorithm>
#include <utility>

#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "broker/browser_binding.h"
#include "broker/dpop.h"
#include "broker/outgoing_request.h"
#include "broker/token_confirmation.h"
#include "oauth/authorization_request.h"

namespace tokenbroker::broker {
namespace {

constexpr std::size_t kMaxCallerContext = 4096;
// Long enough for any parameter that means something; short enough that the URL stays usable.
constexpr std::size_t kMaxParameter = 8192;

template <typename Values, typename Value>
bool Holds(const Values& values, const Value& value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

std::optional<std::string> IfGiven(std::string&& value) {
  return value.empty() ? std::nullopt : std::optional(std::move(value));
}

absl::StatusOr<oauth::ResponseType> ChooseResponseType(const Client& client,
                                                       const std::string& wished) {
  if (wished.empty()) return client.default_response_type;
  const auto type = oauth::ResponseType::Parse(wished);
  if (!type) {
    return FieldError("response_type",
                      "must be one of: code; code id_token; code token; code id_token token");
  }
  if (!Holds(client.response_types, *type)) {
    return Error(Reason::kResponseTypeNotAllowed, {{"response_type", type->ToString()}});
  }
  return *type;
}

absl::StatusOr<oauth::ResponseMode> ChooseResponseMode(const Client& client,
                                                       const std::string& wished,
                                                       oauth::ResponseType type) {
  auto mode = oauth::ResponseMode::kFormPost;
  if (wished == "jwt") {
    mode = oauth::DefaultJwtMode(type);
  } else if (!wished.empty()) {
    const auto parsed = oauth::ParseResponseMode(wished);
    if (!parsed) {
      return FieldError("response_mode",
                        "must be one of: form_post, query, fragment, jwt, form_post.jwt, "
                        "query.jwt, fragment.jwt");
    }
    mode = *parsed;
  } else if (!Holds(client.response_modes, mode)) {
    mode = client.response_modes.front();
  }
  if (!oauth::MayCarry(mode, type) || !Holds(client.response_modes, mode)) {
    return Error(Reason::kResponseModeNotAllowed, {{"response_mode", std::string(ToString(mode))},
                                                   {"response_type", type.ToString()}});
  }
  return mode;
}

// Discovery section 3: with no list, nobody can tell. A JWT that was asked for in vain would cost
// the user the sign-in, since nothing else is taken then.
absl::Status CheckSupported(const oauth::ProviderMetadata& metadata, const std::string& provider,
                            oauth::ResponseType type, oauth::ResponseMode mode) {
  const auto& types = metadata.response_types_supported;
  const bool knows_type = types.empty() || std::any_of(types.begin(), types.end(), [&](auto& text) {
                            return oauth::ResponseType::Parse(text) == type;
                          });
  const auto& modes = metadata.response_modes_supported;
  const bool knows_mode = !oauth::IsJwtSecured(mode) || modes.empty() ||
                          Holds(modes, std::string(oauth::ToString(mode)));
  if (knows_type && knows_mode) return absl::OkStatus();
  return Error(Reason::kProviderMisconfigured,
               {{"provider", provider},
                {"member", knows_type ? "response_modes_supported" : "response_types_supported"}});
}

absl::StatusOr<oauth::Scopes> ChooseScopes(const Client& client, const Asker& asker,
                                           const std::vector<std::string>& wished) {
  oauth::Scopes scopes = client.default_scopes;
  if (!wished.empty()) {
    auto parsed = oauth::Scopes::FromValues(wished);
    if (!parsed.ok()) return FieldError("scopes", "holds a value that is no scope");
    scopes = *std::move(parsed);
  }
  if (!scopes.Contains("openid")) {
    return FieldError("scopes", "must contain openid: the broker binds every grant to an ID token");
  }
  for (const std::string& scope : scopes.values()) {
    // `openid` says how, not what: a restriction to some scopes does not take it away.
    const bool asker_may = !asker.scopes || scope == "openid" || asker.scopes->Contains(scope);
    if (!client.scopes.Contains(scope) || !asker_may) {
      return Error(Reason::kScopeNotAllowed, {{"scope", scope}});
    }
  }
  return scopes;
}

absl::StatusOr<std::string> ChooseAudience(const Client& client, const Asker& asker,
                                           const std::string& wished) {
  const std::string& audience = wished.empty() ? client.default_audience : wished;
  if (audience.empty()) return audience;
  const bool configured = audience == client.default_audience || Holds(client.audiences, audience);
  if (!configured || (asker.audiences && !asker.audiences->contains(audience))) {
    return Error(Reason::kAudienceNotAllowed, {{"audience", audience}});
  }
  return audience;
}

absl::Status CheckWish(const AuthorizationWish& wish) {
  if (wish.client.empty()) return FieldError("client", "is missing");
  if (wish.redirect_uri.empty()) return FieldError("redirect_uri", "is missing");
  if (wish.caller_context.size() > kMaxCallerContext) {
    return FieldError("caller_context", "must not be larger than 4096 bytes");
  }
  if (wish.max_age && (*wish.max_age < absl::ZeroDuration() ||
                       *wish.max_age != absl::Floor(*wish.max_age, absl::Seconds(1)))) {
    return FieldError("max_age", "must be whole seconds, zero or more");
  }
  const std::pair<const char*, const std::string*> texts[] = {
      {"organization", &wish.organization},
      {"invitation", &wish.invitation},
      {"login_hint", &wish.login_hint},
      {"prompt", &wish.prompt},
      {"id_token_hint", &wish.id_token_hint}};
  for (const auto& [field, text] : texts) {
    if (text->size() > kMaxParameter) return FieldError(field, "is longer than 8192 bytes");
  }
  for (const auto& [name, value] : wish.extra_parameters) {
    if (name.empty() || name.size() + value.size() > kMaxParameter) {
      return FieldError("extra_parameters", "has an empty name or more than 8192 bytes");
    }
  }
  return absl::OkStatus();
}

}  // namespace

Authorization::Authorization(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                             AuthorizationLimits limits)
    : clients_(clients), store_(store), clock_(clock), limits_(limits) {}

Task<AuthorizationUrl> Authorization::CreateUrl(const Asker& asker, AuthorizationWish wish,
                                                absl::Time deadline) {
  CO_RETURN_IF_ERROR(CheckWish(wish));
  CO_ASSIGN_OR_RETURN(const ClientPtr client, clients_.Find(wish.client, asker));
  CO_RETURN_IF_ERROR(oauth::CheckRedirectUri(wish.redirect_uri));
  if (!Holds(client->redirect_uris, wish.redirect_uri)) {
    co_return Error(Reason::kRedirectUriNotRegistered, {{"client", client->name}});
  }
  CO_ASSIGN_OR_RETURN(const auto type, ChooseResponseType(*client, wish.response_type));
  CO_ASSIGN_OR_RETURN(const auto mode, ChooseResponseMode(*client, wish.response_mode, type));
  CO_ASSIGN_OR_RETURN(auto scopes, ChooseScopes(*client, asker, wish.scopes));
  CO_ASSIGN_OR_RETURN(auto audience, ChooseAudience(*client, asker, wish.audience));
  for (const std::string& resource : wish.resources) {
    if (!Holds(client->resources, resource) ||
        (asker.audiences && !asker.audiences->contains(resource))) {
      co_return Error(Reason::kAudienceNotAllowed, {{"resource", resource}});
    }
  }

  auto pending_count = co_await store_.CountAuthorizations(asker.name);
  if (!pending_count.ok()) co_return pending_count.status();
  if (*pending_count >= limits_.max_pending_per_caller) {
    co_return WithRetryAfter(Error(Reason::kLimitReached, {{"limit", "pending_authorizations"}}),
                             client->authorization_request_lifetime);
  }

  auto metadata = co_await client->provider->Metadata(deadline);
  if (!metadata.ok()) co_return metadata.status();
  CO_RETURN_IF_ERROR(CheckSupported(**metadata, client->provider->name(), type, mode));

  CO_RETURN_IF_ERROR(CheckDpopSupport(*client, **metadata));
  CO_RETURN_IF_ERROR(CheckConfirmable(*client, **metadata));
  CO_ASSIGN_OR_RETURN(const oauth::DpopKey dpop_key, MakeDpopKey(*client));
  CO_ASSIGN_OR_RETURN(auto stored_key, Store(dpop_key));

  Secret code_verifier = Secret::Take(RandomToken());
  oauth::AuthorizationRequest request{
      .client_id = client->registration.client_id,
      .redirect_uri = wish.redirect_uri,
      .response_type = type,
      .response_mode = mode,
      .scopes = scopes,
      .state = Secret::Take(RandomToken()),
      .nonce = Secret::Take(RandomToken()),
      .code_challenge = oauth::CodeChallengeS256(code_verifier.Reveal()),
      .dpop_jkt = dpop_key ? std::optional(dpop_key->Thumbprint()) : std::nullopt,
      .audience = IfGiven(std::string(audience)),
      .resources = wish.resources,
      .organization = IfGiven(std::string(wish.organization)),
      .invitation = IfGiven(std::move(wish.invitation)),
      .login_hint = IfGiven(std::move(wish.login_hint)),
      .prompt = IfGiven(std::move(wish.prompt)),
      .max_age = wish.max_age ? wish.max_age : client->max_age,
      .acr_values = wish.acr_values,
      .ui_locales = std::move(wish.ui_locales),
      .id_token_hint = IfGiven(std::move(wish.id_token_hint)),
      .extra_parameters = std::move(wish.extra_parameters)};
  if (request.acr_values.empty()) request.acr_values = client->essential_acr_values;
  for (const auto& [name, value] : client->extra_parameters) {
    request.extra_parameters.insert({name, value});
  }

  const absl::Time now = clock_.Now();
  // Before anything is stored: a request that the provider refuses leaves nothing behind.
  auto outgoing = co_await SendOff(*client, **metadata, request, now, deadline);
  if (!outgoing.ok()) co_return outgoing.status();

  // Of several resources the grant's own token is for the first.
  if (audience.empty() && !wish.resources.empty()) audience = wish.resources.front();
  Secret binding = Secret::Take(RandomToken());
  grants::PendingAuthorization pending{.caller = asker.name,
                                       .client = client->name,
                                       .issuer = client->provider->issuer(),
                                       .redirect_uri = wish.redirect_uri,
                                       .response_type = type,
                                       .response_mode = mode,
                                       .scopes = std::move(scopes),
                                       .audience = std::move(audience),
                                       .resources = std::move(wish.resources),
                                       .organization = request.organization,
                                       .max_age = request.max_age,
                                       .acr_values = request.acr_values,
                                       .nonce = std::move(request.nonce),
                                       .code_verifier = std::move(code_verifier),
                                       .dpop_key = std::move(stored_key),
                                       .binding_digest = BindingDigest(binding),
                                       .caller_context = std::move(wish.caller_context),
                                       .created_at = now,
                                       .expires_at = now + client->authorization_request_lifetime};
  Secret kept_under = request.state.Copy();
  absl::Status stored = co_await store_.PutAuthorization(std::move(kept_under), std::move(pending));
  if (!stored.ok()) co_return stored;
  co_return AuthorizationUrl{.url = std::move(outgoing->url),
                             .state = std::move(request.state),
                             .browser_binding = std::move(binding),
                             .expires_at = outgoing->usable_until};
}

}  // namespace tokenbroker::broker
