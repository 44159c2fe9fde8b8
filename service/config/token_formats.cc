#include "config/token_formats.h"

#include <algorithm>
#include <array>
#include <map>
#include <string>
#include <string_view>

#include "config/contains.h"
#include "config/contradictions.h"
#include "config/message_walk.h"
#include "config/names.h"

namespace tokenbroker::config {
namespace {

// With the least length in bytes of the secret (RFC 7518 section 3.2); 0 for published keys.
constexpr std::array<std::pair<std::string_view, std::size_t>, 13> kAlgorithms = {{{"RS256", 0},
                                                                                   {"RS384", 0},
                                                                                   {"RS512", 0},
                                                                                   {"PS256", 0},
                                                                                   {"PS384", 0},
                                                                                   {"PS512", 0},
                                                                                   {"ES256", 0},
                                                                                   {"ES384", 0},
                                                                                   {"ES512", 0},
                                                                                   {"EdDSA", 0},
                                                                                   {"HS256", 32},
                                                                                   {"HS384", 48},
                                                                                   {"HS512", 64}}};

constexpr std::array<std::string_view, 6> kKeyManagement = {
    "RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A192KW", "ECDH-ES+A256KW"};

constexpr std::array<std::string_view, 6> kContentEncryption = {
    "A128GCM", "A192GCM", "A256GCM", "A128CBC-HS256", "A192CBC-HS384", "A256CBC-HS512"};

std::size_t SecretBytes(std::string_view algorithm) {
  const auto found =
      std::ranges::find(kAlgorithms, algorithm, &decltype(kAlgorithms)::value_type::first);
  return found == kAlgorithms.end() ? 0 : found->second;
}

std::vector<std::string_view> AlgorithmNames() {
  std::vector<std::string_view> names;
  for (const auto& [name, bytes] : kAlgorithms) names.push_back(name);
  return names;
}

void CheckAlgorithm(const std::string& algorithm, const std::string& path, const v1::Client& client,
                    const v1::Provider* provider, Faults& faults) {
  if (algorithm.empty() || faults.Has(path)) return;
  if (!Contains(AlgorithmNames(), algorithm)) {
    faults.Add(path, NoSuch("signing algorithm", algorithm, AlgorithmNames()));
  } else if (SecretBytes(algorithm) > 0) {
    if (SharedSecretsOf(client).empty()) {
      faults.Add(path, "needs a client secret, which this authentication has not");
    }
  } else if (provider != nullptr && !provider->id_token_signing_algorithms().empty() &&
             !Contains(provider->id_token_signing_algorithms(), algorithm)) {
    faults.Add(path, "must be one of the provider's id_token_signing_algorithms");
  }
}

void CheckClient(const v1::Client& client, const std::string& path, const v1::Provider* provider,
                 Faults& faults) {
  CheckAlgorithm(client.id_token_signed_response_alg(), path + ".id_token_signed_response_alg",
                 client, provider, faults);
  CheckAlgorithm(client.userinfo_signed_response_alg(), path + ".userinfo_signed_response_alg",
                 client, provider, faults);
  if (client.token_exchange() && client.has_dpop()) {
    faults.Add(path + ".token_exchange",
               "contradicts dpop: nobody would have the key of an exchanged token");
  }
  if (client.has_userinfo_encryption() && client.userinfo_signed_response_alg().empty()) {
    faults.Add(path + ".userinfo_encryption",
               "needs userinfo_signed_response_alg: anybody can encrypt");
  }
}

// The other half of an algorithm confusion: what is published would sign.
bool LooksLikeAKey(std::string_view secret) {
  const auto has = [&](std::string_view text) { return secret.find(text) != secret.npos; };
  return has("-----BEGIN ") || has("\"kty\"") || secret.starts_with("ssh-") ||
         secret.starts_with("ecdsa-sha2-");
}

void CheckSharedSecrets(const v1::Client& client, const std::string& path, const Secrets& secrets,
                        Faults& faults) {
  const std::size_t wanted = std::max(SecretBytes(client.id_token_signed_response_alg()),
                                      SecretBytes(client.userinfo_signed_response_alg()));
  if (wanted == 0) return;
  for (const v1::SecretSource& source : SharedSecretsOf(client)) {
    const Secret& secret = secrets.Get(source);
    if (secret.size() < wanted) {
      faults.Add(path + ".authentication", "a secret that verifies signatures must have " +
                                               std::to_string(wanted) +
                                               " bytes at least (RFC 7518 section 3.2)");
    } else if (LooksLikeAKey(secret.Reveal())) {
      faults.Add(path + ".authentication",
                 "a PEM, JWK or SSH key is no secret to verify signatures with: others may know "
                 "it");
    }
  }
}

}  // namespace

google::protobuf::RepeatedPtrField<v1::SecretSource> SharedSecretsOf(const v1::Client& client) {
  const v1::ClientAuthentication& authentication = client.authentication();
  if (authentication.has_client_secret_post()) {
    return authentication.client_secret_post().secrets();
  }
  if (authentication.has_client_secret_jwt()) return authentication.client_secret_jwt().secrets();
  return authentication.client_secret_basic().secrets();
}

absl::StatusOr<jose::DecryptionKey> ReadDecryptionKey(const v1::DecryptionKey& key,
                                                      const Secrets& secrets) {
  const auto algorithm = jose::ParseKeyManagement(key.algorithm());
  if (!algorithm) return absl::InvalidArgumentError("there is no such algorithm");
  return jose::DecryptionKey::FromPem(secrets.Get(key.private_key()), *algorithm, key.key_id());
}

void CheckTokenFormats(const v1::Config& config, Faults& faults) {
  std::map<std::string, const v1::Provider*> providers;
  for (const v1::Provider& provider : config.providers()) providers[provider.name()] = &provider;
  for (int i = 0; i < config.clients_size(); ++i) {
    const v1::Client& client = config.clients(i);
    const auto provider = providers.find(client.provider());
    CheckClient(client, ElementPath("clients", static_cast<std::size_t>(i)),
                provider == providers.end() ? nullptr : provider->second, faults);
  }
  v1::Config copy = config;
  ForEachMessage<v1::ResponseEncryption>(
      copy, [&](const v1::ResponseEncryption& encryption, const std::string& path) {
        for (int i = 0; i < encryption.content_encryptions_size(); ++i) {
          const std::string& name = encryption.content_encryptions(i);
          if (Contains(kContentEncryption, name)) continue;
          faults.Add(ElementPath(path + ".content_encryptions", static_cast<std::size_t>(i)),
                     NoSuch("content encryption", name, kContentEncryption));
        }
      });
  ForEachMessage<v1::DecryptionKey>(
      copy, [&](const v1::DecryptionKey& key, const std::string& path) {
        if (key.algorithm().empty() || Contains(kKeyManagement, key.algorithm())) return;
        faults.Add(path + ".algorithm",
                   NoSuch("key management algorithm", key.algorithm(), kKeyManagement));
      });
}

void CheckTokenSecrets(const v1::Config& config, const Secrets& secrets, Faults& faults) {
  for (int i = 0; i < config.clients_size(); ++i) {
    CheckSharedSecrets(config.clients(i), ElementPath("clients", static_cast<std::size_t>(i)),
                       secrets, faults);
  }
  v1::Config copy = config;
  ForEachMessage<v1::DecryptionKey>(
      copy, [&](const v1::DecryptionKey& key, const std::string& path) {
        if (const auto read = ReadDecryptionKey(key, secrets); !read.ok()) {
          faults.Add(path + ".private_key", std::string(read.status().message()));
        }
      });
}

}  // namespace tokenbroker::config
