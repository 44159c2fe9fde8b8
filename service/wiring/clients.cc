#include "wiring/clients.h"

#include <utility>

#include "config/client_keys.h"
#include "config/durations.h"
#include "config/token_formats.h"
#include "jose/algorithm.h"
#include "oauth/client_authentication.h"

namespace tokenbroker::wiring {
namespace {

using config::ToDuration;

oauth::Scopes ScopesOf(const google::protobuf::RepeatedPtrField<std::string>& values) {
  oauth::Scopes scopes;
  for (const std::string& value : values) scopes.Add(value);
  return scopes;
}

// The words and the keys were checked when the configuration was loaded.
void AddSigned(const config::v1::ClientAuthentication& authentication,
               const config::Secrets& secrets, provider::Registration& registration) {
  const config::v1::ClientSecretJwt& by_secret = authentication.client_secret_jwt();
  const auto hmac = jose::ParseAlgorithm(by_secret.algorithm());
  for (const auto& source : by_secret.secrets()) {
    registration.authentications.emplace_back(
        oauth::ClientSecretJwt{secrets.Get(source).Copy(), hmac.value()});
  }
  for (const config::v1::ClientKey& key : authentication.private_key_jwt().keys()) {
    registration.authentications.emplace_back(
        oauth::PrivateKeyJwt{*config::ReadClientKey(key, secrets)});
  }
}

void AddCertificates(const config::v1::TlsClientAuthentication& authentication,
                     oauth::CertificateTrust trust, provider::Registration& registration) {
  for (const config::v1::ClientCertificate& certificate : authentication.certificates()) {
    registration.authentications.emplace_back(
        oauth::TlsClientAuth{.trust = trust,
                             .certificate_file = certificate.certificate_file(),
                             .private_key_file = certificate.private_key_file()});
  }
}

// FAPI 2.0 Security Profile section 5.4; what the configuration names was checked against it.
std::vector<jose::Algorithm> ProfileAlgorithmsOf(const config::v1::Client& client) {
  if (client.profile() != config::v1::CLIENT_PROFILE_FAPI2) return {};
  return {jose::Algorithm::kPS256, jose::Algorithm::kES256, jose::Algorithm::kEdDSA};
}

// The words and keys were checked when the configuration was loaded. `encryption` may be null.
provider::TokenProtection ProtectionOf(const config::v1::Client& client,
                                       const std::string& algorithm,
                                       const config::v1::ResponseEncryption* encryption,
                                       const config::Secrets& secrets) {
  provider::TokenProtection protection{.algorithm = jose::ParseAlgorithm(algorithm),
                                       .profile_algorithms = ProfileAlgorithmsOf(client)};
  if (protection.algorithm && jose::IsHmac(*protection.algorithm)) {
    for (const auto& source : config::SharedSecretsOf(client)) {
      protection.shared_secrets.push_back(secrets.Get(source).Copy());
    }
  }
  if (encryption == nullptr) return protection;
  for (const auto& key : encryption->keys()) {
    protection.decryption_keys.push_back(*config::ReadDecryptionKey(key, secrets));
  }
  for (const std::string& name : encryption->content_encryptions()) {
    if (const auto found = jose::ParseContentEncryption(name)) {
      protection.encryption.content_encryptions.push_back(*found);
    }
  }
  return protection;
}

provider::Registration RegistrationOf(const config::v1::Client& client,
                                      const config::Secrets& secrets) {
  provider::Registration registration{
      .client_id = client.client_id(),
      .certificate_bound_access_tokens = client.certificate_bound_access_tokens()};
  const config::v1::ClientAuthentication& authentication = client.authentication();
  for (const auto& source : authentication.client_secret_basic().secrets()) {
    registration.authentications.emplace_back(oauth::ClientSecretBasic{secrets.Get(source).Copy()});
  }
  for (const auto& source : authentication.client_secret_post().secrets()) {
    registration.authentications.emplace_back(oauth::ClientSecretPost{secrets.Get(source).Copy()});
  }
  AddSigned(authentication, secrets, registration);
  AddCertificates(authentication.tls_client_auth(), oauth::CertificateTrust::kAuthority,
                  registration);
  AddCertificates(authentication.self_signed_tls_client_auth(),
                  oauth::CertificateTrust::kSelfSigned, registration);
  if (authentication.has_none()) {
    registration.authentications.emplace_back(oauth::NoAuthentication{});
  }
  registration.id_token = ProtectionOf(
      client, client.id_token_signed_response_alg(),
      client.has_id_token_encryption() ? &client.id_token_encryption() : nullptr, secrets);
  if (!client.userinfo_signed_response_alg().empty()) {
    registration.user_info = ProtectionOf(
        client, client.userinfo_signed_response_alg(),
        client.has_userinfo_encryption() ? &client.userinfo_encryption() : nullptr, secrets);
  }
  return registration;
}

broker::PushedRequests PushedRequestsOf(const config::v1::Client& client) {
  switch (client.pushed_authorization_requests()) {
    case config::v1::PUSHED_AUTHORIZATION_REQUESTS_ALWAYS:
      return broker::PushedRequests::kAlways;
    case config::v1::PUSHED_AUTHORIZATION_REQUESTS_WHEN_OFFERED:
      return broker::PushedRequests::kWhenOffered;
    default:
      return broker::PushedRequests::kWhenRequired;
  }
}

// The words were checked when the configuration was loaded: what does not parse is not there.
void AddResponseTypes(const config::v1::Client& client, broker::Client& made) {
  for (const std::string& text : client.response_types()) {
    if (const auto type = oauth::ResponseType::Parse(text)) made.response_types.push_back(*type);
  }
  for (const std::string& text : client.response_modes()) {
    if (const auto mode = oauth::ParseResponseMode(text)) made.response_modes.push_back(*mode);
  }
  if (const auto algorithm = jose::ParseAlgorithm(client.authorization_signed_response_alg())) {
    made.authorization_signed_response_alg = *algorithm;
  }
  made.default_response_type =
      oauth::ResponseType::Parse(client.default_response_type()).value_or(oauth::ResponseType{});
}

broker::Client ClientOf(const config::v1::Client& client, const config::Secrets& secrets,
                        const config::v1::Provider& provider, const Providers& providers) {
  broker::Client made{
      .name = client.name(),
      .provider = providers.at(client.provider()),
      .registration = RegistrationOf(client, secrets),
      .redirect_uris = {client.redirect_uris().begin(), client.redirect_uris().end()},
      .post_logout_redirect_uris = {client.post_logout_redirect_uris().begin(),
                                    client.post_logout_redirect_uris().end()},
      .requires_issuer_parameter = client.profile() == config::v1::CLIENT_PROFILE_FAPI2,
      .requires_state_hash = client.require_state_hash(),
      .pushed_requests = PushedRequestsOf(client),
      .scopes = ScopesOf(client.scopes()),
      .default_scopes = ScopesOf(client.default_scopes()),
      .audiences = {client.audiences().begin(), client.audiences().end()},
      .default_audience = client.default_audience(),
      .resources = {client.resources().begin(), client.resources().end()},
      .expose_front_channel_access_token = client.expose_front_channel_access_token(),
      .confirms_access_tokens = client.confirm_access_tokens(),
      .allows_token_exchange = client.token_exchange(),
      .allows_client_credentials = client.client_credentials(),
      .authorization_request_lifetime = ToDuration(client.authorization_request_lifetime()),
      .grant_absolute_lifetime = ToDuration(client.grant_lifetime().absolute()),
      .grant_idle_lifetime = ToDuration(client.grant_lifetime().idle()),
      .extra_parameters = {client.authorization_parameters().begin(),
                           client.authorization_parameters().end()},
      .essential_acr_values = {client.acr_values().begin(), client.acr_values().end()},
      .id_token_max_issued_ago = ToDuration(client.id_token_max_age()),
      .refresh = {.fraction = client.refresh().fraction(),
                  .jitter = client.refresh().jitter(),
                  .floor = ToDuration(client.refresh().floor()),
                  .request_timeout = ToDuration(provider.request_timeout())}};
  made.refresh.idle_after = ToDuration(client.refresh().idle_after());
  if (client.refresh().has_refresh_token_idle_lifetime()) {
    made.refresh.refresh_token_idle_lifetime =
        ToDuration(client.refresh().refresh_token_idle_lifetime());
  }
  if (client.has_dpop()) {
    made.dpop_algorithm = jose::ParseAlgorithm(client.dpop().signing_algorithm());
  }
  if (client.has_max_age()) made.max_age = ToDuration(client.max_age());
  if (client.has_request_object_key()) {
    // It was read when the configuration was loaded, so there is one.
    made.request_object_key = *config::ReadClientKey(client.request_object_key(), secrets);
  }
  AddResponseTypes(client, made);
  return made;
}

}  // namespace

std::vector<broker::Client> ClientsOf(const config::LoadedConfig& loaded,
                                      const Providers& providers) {
  std::map<std::string, const config::v1::Provider*> by_name;
  for (const auto& provider : loaded.config.providers()) by_name[provider.name()] = &provider;
  std::vector<broker::Client> clients;
  for (const auto& client : loaded.config.clients()) {
    clients.push_back(ClientOf(client, loaded.secrets, *by_name.at(client.provider()), providers));
    clients.back().refresh.lease = ToDuration(loaded.config.refresh().lease());
  }
  return clients;
}

}  // namespace tokenbroker::wiring
