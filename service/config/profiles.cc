#include "config/profiles.h"

#include <algorithm>
#include <array>
#include <string>
#include <string_view>

#include "config/client_keys.h"

namespace tokenbroker::config {
namespace {

// FAPI 2.0 Security Profile section 5.4.
constexpr std::array<std::string_view, 3> kFapi2Algorithms = {"PS256", "ES256", "EdDSA"};
constexpr std::string_view kWriteAnAlgorithm =
    "contradicts profile: fapi2; write PS256, ES256 or EdDSA";

bool IsFapi2Algorithm(std::string_view name) {
  return std::ranges::find(kFapi2Algorithms, name) != kFapi2Algorithms.end();
}

bool ShowsCertificate(const v1::Client& client) {
  return client.authentication().has_tls_client_auth() ||
         client.authentication().has_self_signed_tls_client_auth();
}

void ApplyFapi2(const std::string& path, const Locations& locations, v1::Client& client) {
  const auto is_left_out = [&](std::string_view field) {
    return !locations.Has(FieldPath(path, field));
  };
  if (is_left_out("response_types")) client.add_response_types("code");
  if (is_left_out("pushed_authorization_requests")) {
    client.set_pushed_authorization_requests(v1::PUSHED_AUTHORIZATION_REQUESTS_ALWAYS);
  }
  if (is_left_out("authorization_signed_response_alg")) {
    client.set_authorization_signed_response_alg("PS256");
  }
  if (client.has_dpop()) return;
  if (ShowsCertificate(client) && is_left_out("certificate_bound_access_tokens")) {
    client.set_certificate_bound_access_tokens(true);
  }
  // Section 5.3.3.2: tokens are bound one way or the other.
  if (!client.certificate_bound_access_tokens()) client.mutable_dpop();
}

// One client with the profile, and its provider; null where there is none of that name.
class Fapi2 {
 public:
  Fapi2(const v1::Client& client, std::string path, Faults& faults)
      : client_(client), path_(std::move(path)), faults_(faults) {}

  void CheckClient() const {
    CheckFlow();
    CheckAuthentication();
    CheckAlgorithm(client_.id_token_signed_response_alg(), "id_token_signed_response_alg");
    CheckAlgorithm(client_.userinfo_signed_response_alg(), "userinfo_signed_response_alg");
    CheckAlgorithm(client_.authorization_signed_response_alg(),
                   "authorization_signed_response_alg");
    CheckAlgorithm(client_.dpop().signing_algorithm(), "dpop.signing_algorithm");
    CheckAlgorithm(client_.request_object_key().algorithm(), "request_object_key.algorithm");
  }

  void CheckProvider(const v1::Provider& provider, const std::string& path) const {
    const std::string because = "contradicts profile: fapi2 of " + path_;
    if (!provider.discovery()) {
      Refuse(path + ".discovery",
             because + ", which has the provider's metadata from discovery alone; remove it");
    }
    if (provider.allow_loopback_http()) {
      Refuse(path + ".allow_loopback_http", because + ", which is for TLS alone; remove it");
    }
    if (client_.authentication().has_private_key_jwt() &&
        provider.client_assertion_audience() != v1::CLIENT_ASSERTION_AUDIENCE_ISSUER) {
      Refuse(path + ".client_assertion_audience", because + "; write issuer, or remove it");
    }
    const auto& algorithms = provider.id_token_signing_algorithms();
    if (!algorithms.empty() && std::ranges::none_of(algorithms, IsFapi2Algorithm)) {
      Refuse(path + ".id_token_signing_algorithms", because + "; add PS256, ES256 or EdDSA");
    }
  }

 private:
  void Refuse(const std::string& path, std::string_view message) const {
    if (!faults_.Has(path)) faults_.Add(path, message);
  }

  void CheckFlow() const {
    for (int i = 0; i < client_.response_types_size(); ++i) {
      if (client_.response_types(i) == "code") continue;
      Refuse(ElementPath(path_ + ".response_types", static_cast<std::size_t>(i)),
             "contradicts profile: fapi2; write response_types: [code]");
    }
    if (client_.expose_front_channel_access_token()) {
      Refuse(path_ + ".expose_front_channel_access_token",
             "contradicts profile: fapi2, in which no token comes through the browser; remove it");
    }
    if (client_.pushed_authorization_requests() != v1::PUSHED_AUTHORIZATION_REQUESTS_ALWAYS) {
      Refuse(path_ + ".pushed_authorization_requests",
             "contradicts profile: fapi2; write always, or remove it");
    }
  }

  void CheckAuthentication() const {
    const v1::ClientAuthentication& authentication = client_.authentication();
    const std::string path = path_ + ".authentication";
    if (authentication.method_case() == v1::ClientAuthentication::METHOD_NOT_SET) return;
    if (!authentication.has_private_key_jwt() && !ShowsCertificate(client_)) {
      Refuse(path,
             "contradicts profile: fapi2; use private_key_jwt, tls_client_auth or "
             "self_signed_tls_client_auth");
    }
    const auto& keys = authentication.private_key_jwt().keys();
    for (int i = 0; i < keys.size(); ++i) {
      CheckAlgorithm(keys[i].algorithm(), ElementPath("authentication.private_key_jwt.keys",
                                                      static_cast<std::size_t>(i)) +
                                              ".algorithm");
    }
  }

  void CheckAlgorithm(const std::string& name, std::string_view field) const {
    if (!name.empty() && !IsFapi2Algorithm(name)) {
      Refuse(FieldPath(path_, field), kWriteAnAlgorithm);
    }
  }

  const v1::Client& client_;
  const std::string path_;
  Faults& faults_;
};

template <typename Visit>
void ForEachFapi2(const v1::Config& config, const Visit& visit) {
  for (int i = 0; i < config.clients_size(); ++i) {
    if (config.clients(i).profile() != v1::CLIENT_PROFILE_FAPI2) continue;
    visit(config.clients(i), ElementPath("clients", static_cast<std::size_t>(i)));
  }
}

void CheckKey(const v1::ClientKey& key, const Secrets& secrets, const std::string& path,
              Faults& faults) {
  if (key.algorithm() != "EdDSA" || faults.Has(path + ".private_key")) return;
  const auto read = ReadClientKey(key, secrets);
  if (!read.ok() || read->key().curve != jose::Curve::kEd448) return;
  faults.Add(path + ".private_key",
             "contradicts profile: fapi2, whose EdDSA keys are Ed25519; one is made with: openssl "
             "genpkey -algorithm ED25519");
}

}  // namespace

void ApplyProfiles(v1::Config& config, const Locations& locations) {
  for (int i = 0; i < config.clients_size(); ++i) {
    v1::Client& client = *config.mutable_clients(i);
    if (client.profile() != v1::CLIENT_PROFILE_FAPI2) continue;
    ApplyFapi2(ElementPath("clients", static_cast<std::size_t>(i)), locations, client);
  }
}

void CheckProfiles(const v1::Config& config, Faults& faults) {
  ForEachFapi2(config, [&](const v1::Client& client, const std::string& path) {
    const Fapi2 fapi2(client, path, faults);
    fapi2.CheckClient();
    for (int i = 0; i < config.providers_size(); ++i) {
      if (config.providers(i).name() != client.provider()) continue;
      fapi2.CheckProvider(config.providers(i),
                          ElementPath("providers", static_cast<std::size_t>(i)));
    }
  });
}

void CheckProfileKeys(const v1::Config& config, const Secrets& secrets, Faults& faults) {
  ForEachFapi2(config, [&](const v1::Client& client, const std::string& path) {
    const auto& keys = client.authentication().private_key_jwt().keys();
    for (int i = 0; i < keys.size(); ++i) {
      CheckKey(
          keys[i], secrets,
          ElementPath(path + ".authentication.private_key_jwt.keys", static_cast<std::size_t>(i)),
          faults);
    }
    if (client.has_request_object_key()) {
      CheckKey(client.request_object_key(), secrets, path + ".request_object_key", faults);
    }
  });
}

}  // namespace tokenbroker::config
