#include "oauth/token_request.h"

#include "base/base64url.h"
#include "oauth/form.h"

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
             },
             grant);
}

Secret BasicCredentials(std::string_view client_id, const Secret& secret) {
  const Secret encoded_id = FormEncode(client_id);
  const Secret encoded_secret = FormEncode(secret.Reveal());
  std::string pair;
  pair.reserve(encoded_id.size() + 1 + encoded_secret.size());
  pair.append(encoded_id.Reveal()).append(":").append(encoded_secret.Reveal());
  std::string encoded = Base64Encode(pair);
  WipeString(pair);
  std::string value;
  value.reserve(6 + encoded.size());
  value.append("Basic ").append(encoded);
  WipeString(encoded);
  return Secret::Take(std::move(value));
}

// Exactly one way of authentication, in the headers or in the body.
EncodedRequest Finish(FormWriter& form, std::string_view client_id,
                      const ClientAuthentication& authentication) {
  EncodedRequest request;
  request.headers.emplace_back("Accept", Secret("application/json"));
  std::visit(Overloaded{
                 [&](const ClientSecretBasic& basic) {
                   request.headers.emplace_back("Authorization",
                                                BasicCredentials(client_id, basic.secret));
                 },
                 [&](const ClientSecretPost& post) {
                   form.Add("client_id", client_id);
                   form.Add("client_secret", post.secret.Reveal());
                 },
                 [&](const NoAuthentication&) { form.Add("client_id", client_id); },
             },
             authentication);
  request.body = std::move(form).Finish();
  return request;
}

}  // namespace

EncodedRequest EncodeTokenRequest(const AuthorizationGrant& grant, std::string_view client_id,
                                  const ClientAuthentication& authentication) {
  FormWriter form;
  AddGrant(grant, form);
  return Finish(form, client_id, authentication);
}

EncodedRequest EncodePushedAuthorizationRequest(const Parameters& parameters,
                                                std::string_view client_id,
                                                const ClientAuthentication& authentication) {
  FormWriter form;
  for (const Parameter& parameter : parameters) {
    if (parameter.name != "client_id") form.Add(parameter.name, parameter.value);
  }
  if (std::holds_alternative<ClientSecretBasic>(authentication)) form.Add("client_id", client_id);
  return Finish(form, client_id, authentication);
}

EncodedRequest EncodeRevocationRequest(const Secret& token, std::string_view token_type_hint,
                                       std::string_view client_id,
                                       const ClientAuthentication& authentication) {
  FormWriter form;
  form.Add("token", token.Reveal());
  form.Add("token_type_hint", token_type_hint);
  return Finish(form, client_id, authentication);
}

}  // namespace tokenbroker::oauth
