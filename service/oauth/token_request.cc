#include "oauth/token_request.h"

namespace tokenbroker::oauth {
namespace {

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};
template <typename... Ts>
Overloaded(Ts...) -> Overloaded<Ts...>;

void AddTargets(const Scopes& scopes, const std::optional<std::string>& audience,
                const std::vector<std::string>& resources, FormWriter& form) {
  if (!scopes.empty()) form.Add("scope", scopes.ToString());
  if (audience) form.Add("audience", *audience);
  for (const std::string& resource : resources) form.Add("resource", resource);
}

void AddExchange(const TokenExchange& exchange, FormWriter& form) {
  form.Add("grant_type", "urn:ietf:params:oauth:grant-type:token-exchange");
  form.Add("subject_token", exchange.subject_token.Reveal());
  form.Add("subject_token_type", exchange.subject_token_type);
  if (!exchange.actor_token.empty()) {
    form.Add("actor_token", exchange.actor_token.Reveal());
    form.Add("actor_token_type", exchange.actor_token_type);
  }
  if (!exchange.requested_token_type.empty()) {
    form.Add("requested_token_type", exchange.requested_token_type);
  }
  AddTargets(exchange.scopes, exchange.audience, exchange.resources, form);
}

void AddGrant(const AuthorizationGrant& grant, FormWriter& form) {
  std::visit(Overloaded{
                 [&](const AuthorizationCode& code) {
                   form.Add("grant_type", "authorization_code");
                   form.Add("code", code.code.Reveal());
                   form.Add("redirect_uri", code.redirect_uri);
                   form.Add("code_verifier", code.code_verifier.Reveal());
                   AddTargets({}, std::nullopt, code.resources, form);
                 },
                 [&](const RefreshToken& refresh) {
                   form.Add("grant_type", "refresh_token");
                   form.Add("refresh_token", refresh.refresh_token.Reveal());
                   AddTargets(refresh.scopes, refresh.audience, refresh.resources, form);
                 },
                 [&](const ClientCredentials& credentials) {
                   form.Add("grant_type", "client_credentials");
                   AddTargets(credentials.scopes, credentials.audience, credentials.resources,
                              form);
                 },
                 [&](const TokenExchange& exchange) { AddExchange(exchange, form); },
             },
             grant);
}

}  // namespace

FormWriter TokenRequestForm(const AuthorizationGrant& grant) {
  FormWriter form;
  AddGrant(grant, form);
  return form;
}

FormWriter PushedAuthorizationForm(const Parameters& parameters, std::string_view client_id,
                                   const ClientAuthentication& authentication) {
  FormWriter form;
  for (const Parameter& parameter : parameters) {
    if (parameter.name != "client_id") form.Add(parameter.name, parameter.value);
  }
  if (std::holds_alternative<ClientSecretBasic>(authentication)) form.Add("client_id", client_id);
  return form;
}

FormWriter IntrospectionRequestForm(const Secret& access_token) {
  FormWriter form;
  form.Add("token", access_token.Reveal());
  form.Add("token_type_hint", "access_token");
  return form;
}

FormWriter RevocationRequestForm(const Secret& token, std::string_view token_type_hint) {
  FormWriter form;
  form.Add("token", token.Reveal());
  form.Add("token_type_hint", token_type_hint);
  return form;
}

}  // namespace tokenbroker::oauth
