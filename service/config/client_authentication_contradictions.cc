#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "config/contains.h"
#include "config/contradictions.h"
#include "config/names.h"
#include "config/response_types.h"
#include "config/uri.h"

namespace tokenbroker::config {
namespace {

constexpr std::array<std::string_view, 3> kHmacAlgorithms = {"HS256", "HS384", "HS512"};
constexpr std::array<std::string_view, 10> kKeyAlgorithms = {
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA"};

void CheckClientSecretJwt(const v1::ClientSecretJwt& jwt, const std::string& path, Faults& faults) {
  if (Contains(kHmacAlgorithms, jwt.algorithm()) || faults.Has(path + ".algorithm")) return;
  faults.Add(path + ".algorithm",
             Contains(kKeyAlgorithms, jwt.algorithm())
                 ? "is for a private key; use private_key_jwt, or one of: HS256, HS384, HS512"
                 : NoSuch("HMAC algorithm", jwt.algorithm(), kHmacAlgorithms));
}

void CheckPrivateKeyJwt(const v1::PrivateKeyJwt& jwt, const std::string& path, Faults& faults) {
  UniqueValues key_ids(path + ".keys", "key_id", faults);
  for (int i = 0; i < jwt.keys_size(); ++i) {
    key_ids.Add(static_cast<std::size_t>(i), jwt.keys(i).key_id());
  }
}

void CheckTls(const v1::Provider* provider, const std::string& path, Faults& faults) {
  if (provider == nullptr) return;
  const auto issuer = ParseUri(provider->issuer());
  if (!issuer || issuer->scheme == "https") return;
  faults.Add(path,
             "needs TLS, and the issuer of the provider " + provider->name() +
                 " begins with http://; give it an https:// issuer, or choose another method");
}

// A token is bound to the certificate of the connection that it is asked for on (RFC 8705 section
// 3), so there must be one, and nothing may come past it through the browser.
void CheckBinding(const v1::Client& client, const std::string& path, Faults& faults) {
  if (!client.certificate_bound_access_tokens()) return;
  const v1::ClientAuthentication& authentication = client.authentication();
  if (!authentication.has_tls_client_auth() && !authentication.has_self_signed_tls_client_auth()) {
    faults.Add(path + ".certificate_bound_access_tokens",
               "needs tls_client_auth or self_signed_tls_client_auth; give the client one of them, "
               "or bind its tokens with dpop");
  }
  for (int i = 0; i < client.response_types_size(); ++i) {
    const auto type = CanonicalResponseType(client.response_types(i));
    if (!type || !type->ends_with(" token")) continue;
    faults.Add(
        ElementPath(path + ".response_types", static_cast<std::size_t>(i)),
        "contradicts certificate_bound_access_tokens: a token that comes through the browser "
        "is bound to nothing");
  }
}

const v1::Provider* FindProvider(const v1::Config& config, const std::string& name) {
  for (const v1::Provider& provider : config.providers()) {
    if (provider.name() == name) return &provider;
  }
  return nullptr;
}

}  // namespace

void CheckClientAuthentications(const v1::Config& config, Faults& faults) {
  for (int i = 0; i < config.clients_size(); ++i) {
    const v1::Client& client = config.clients(i);
    const v1::ClientAuthentication& authentication = client.authentication();
    const std::string element = ElementPath("clients", static_cast<std::size_t>(i));
    const std::string path = element + ".authentication";
    const v1::Provider* provider = FindProvider(config, client.provider());
    CheckBinding(client, element, faults);
    switch (authentication.method_case()) {
      case v1::ClientAuthentication::kClientSecretJwt:
        CheckClientSecretJwt(authentication.client_secret_jwt(), path + ".client_secret_jwt",
                             faults);
        break;
      case v1::ClientAuthentication::kPrivateKeyJwt:
        CheckPrivateKeyJwt(authentication.private_key_jwt(), path + ".private_key_jwt", faults);
        break;
      case v1::ClientAuthentication::kTlsClientAuth:
        CheckTls(provider, path + ".tls_client_auth", faults);
        break;
      case v1::ClientAuthentication::kSelfSignedTlsClientAuth:
        CheckTls(provider, path + ".self_signed_tls_client_auth", faults);
        break;
      case v1::ClientAuthentication::kNone:
        if (client.client_credentials()) {
          faults.Add(element + ".client_credentials",
                     "needs a client that can prove who it is; give it another authentication than "
                     "none");
        }
        break;
      default:
        break;
    }
  }
}

}  // namespace tokenbroker::config
