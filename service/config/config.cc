#include "config/config.h"

#include <cstdlib>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "base/file.h"
#include "base/status_macros.h"
#include "config/client_credentials.h"
#include "config/client_keys.h"
#include "config/completion.h"
#include "config/contradictions.h"
#include "config/decoder.h"
#include "config/faults.h"
#include "config/message_walk.h"
#include "config/profiles.h"
#include "config/response_types.h"
#include "config/token_formats.h"
#include "config/yaml_document.h"

namespace tokenbroker::config {
namespace {

constexpr std::size_t kMaxConfigBytes = 1 << 20;

constexpr std::string_view kEmbeddedConfig = R"(# What token-broker runs on without --config.
server:
  listen: 127.0.0.1:7070
store:
  memory: {}
callers:
  - name: developer
    clients: ["*"]
    rpcs: ["*", "Admin/*"]
dev:
  anonymous_caller: developer
)";

// A configuration with what is known about its text.
struct ParsedText {
  v1::Config config;
  Locations locations;
};

void CompleteDerived(v1::Config& config) {
  for (v1::Client& client : *config.mutable_clients()) {
    for (std::string& type : *client.mutable_response_types()) {
      type = CanonicalResponseType(type).value_or(type);
    }
    if (client.default_response_type().empty() && client.response_types_size() > 0) {
      client.set_default_response_type(client.response_types(0));
    }
    std::string& type = *client.mutable_default_response_type();
    type = CanonicalResponseType(type).value_or(type);
    if (client.default_scopes().empty()) *client.mutable_default_scopes() = client.scopes();
  }
  if (config.server().has_tls()) {
    v1::ServerTls& tls = *config.mutable_server()->mutable_tls();
    tls.set_client_certificates(EffectiveClientCertificates(tls));
  }
  if (config.store().has_redis()) {
    v1::RedisStore& redis = *config.mutable_store()->mutable_redis();
    const std::optional<std::uint32_t> replicas = EffectiveWaitReplicas(redis);
    if (replicas) redis.mutable_replication()->set_wait_replicas(*replicas);
  }
}

absl::StatusOr<ParsedText> ParseText(std::string_view text, std::string_view name) {
  ParsedText parsed;
  Faults faults(parsed.locations);
  if (text.size() > kMaxConfigBytes) {
    faults.Add("", "is larger than 1 MiB");
    return faults.ToStatus(name);
  }
  const auto [document, fault] = ParseYaml(text);
  if (fault) {
    faults.AddAt(fault->position, "", fault->message);
    return faults.ToStatus(name);
  }
  Decoder(parsed.locations, faults).DecodeMessage(*document, "", parsed.config);
  ApplyProfiles(parsed.config, parsed.locations);
  ApplyDefaults(parsed.config, parsed.locations);
  CheckRequired(parsed.config, parsed.locations, faults);
  CheckServer(parsed.config, faults);
  CheckTelemetry(parsed.config, faults);
  CheckStore(parsed.config, faults);
  CheckProviders(parsed.config, faults);
  CheckClients(parsed.config, faults);
  CheckClientAuthentications(parsed.config, faults);
  CheckCallers(parsed.config, faults);
  CheckJwtIssuers(parsed.config, faults);
  CheckRefresh(parsed.config, faults);
  CheckSecretSources(parsed.config, faults);
  CheckClientKeys(parsed.config, faults);
  CheckTokenFormats(parsed.config, faults);
  CheckProfiles(parsed.config, faults);
  RETURN_IF_ERROR(faults.ToStatus(name));
  CompleteDerived(parsed.config);
  return parsed;
}

// Makes the paths of files in `config` count from the folder of the file at `config_path`.
void ResolvePaths(const std::string& config_path, v1::Config& config) {
  const auto folder = std::filesystem::path(config_path).parent_path();
  ForEachText(config, v1::FORMAT_FILE, [&](std::string& file, const std::string&) {
    file = (folder / file).lexically_normal().string();
  });
}

absl::StatusOr<ParsedText> ReadConfig(const std::string& path) {
  auto text = ReadFile(path, kMaxConfigBytes);
  if (!text.ok()) {
    return absl::Status(text.status().code(), path + ": " + std::string(text.status().message()));
  }
  // A file that was cut off or not mounted, rather than one that wants every default.
  if (text->find_first_not_of(" \t\r\n") == std::string::npos) {
    return absl::InvalidArgumentError(
        path + ": the file is empty; leave --config out to run on the embedded default");
  }
  ASSIGN_OR_RETURN(ParsedText parsed, ParseText(*text, path));
  WipeString(*text);
  ResolvePaths(path, parsed.config);
  return parsed;
}

void ReadSecrets(LoadedConfig& loaded, Faults& faults) {
  ForEachMessage<v1::SecretSource>(
      loaded.config, [&](v1::SecretSource& source, const std::string& path) {
        if (const absl::Status status = loaded.secrets.Add(source); !status.ok()) {
          faults.Add(path, std::string(status.message()));
        }
      });
  ForEachMessage<v1::ClientKey>(
      loaded.config, [&](const v1::ClientKey& key, const std::string& path) {
        if (faults.Has(path + ".private_key")) return;
        if (const auto read = ReadClientKey(key, loaded.secrets); !read.ok()) {
          faults.Add(path + ".private_key", std::string(read.status().message()));
        }
      });
  if (faults.empty()) CheckTokenSecrets(loaded.config, loaded.secrets, faults);
  if (faults.empty()) CheckProfileKeys(loaded.config, loaded.secrets, faults);
  const auto& keys = loaded.config.encryption().keys();
  for (int i = 0; i < keys.size() && faults.empty(); ++i) {
    auto key = DecodeSealingKey(loaded.secrets.Get(keys[i].key()));
    if (key.ok()) {
      loaded.sealing_keys.push_back({keys[i].id(), *std::move(key)});
    } else {
      faults.Add(ElementPath("encryption.keys", static_cast<std::size_t>(i)) + ".key",
                 std::string(key.status().message()));
    }
  }
}

absl::StatusOr<LoadedConfig> Load(ParsedText parsed, std::string_view name) {
  LoadedConfig loaded{.config = std::move(parsed.config), .secrets = {}, .sealing_keys = {}};
  Faults faults(parsed.locations);
  ReadSecrets(loaded, faults);
  ForEachText(loaded.config, v1::FORMAT_FILE, [&](std::string& file, const std::string& path) {
    if (path.ends_with(".file")) return;  // a secret, read above
    if (auto content = ReadFile(file, kMaxNamedFileBytes); content.ok()) {
      WipeString(*content);
    } else {
      faults.Add(path, std::string(content.status().message()));
    }
  });
  if (faults.empty()) CheckClientCredentials(loaded, faults);
  RETURN_IF_ERROR(faults.ToStatus(name));
  return loaded;
}

}  // namespace

absl::StatusOr<v1::Config> ParseConfig(std::string_view text, std::string_view name) {
  ASSIGN_OR_RETURN(ParsedText parsed, ParseText(text, name));
  return std::move(parsed.config);
}

absl::StatusOr<v1::Config> CheckConfig(const std::string& path) {
  ASSIGN_OR_RETURN(ParsedText parsed, ReadConfig(path));
  return std::move(parsed.config);
}

absl::StatusOr<LoadedConfig> LoadConfig(const std::string& path) {
  ASSIGN_OR_RETURN(ParsedText parsed, ReadConfig(path));
  return Load(std::move(parsed), path);
}

LoadedConfig EmbeddedConfig() {
  auto parsed = ParseText(kEmbeddedConfig, "embedded");
  if (!parsed.ok()) std::abort();
  auto loaded = Load(*std::move(parsed), "embedded");
  if (!loaded.ok()) std::abort();
  return *std::move(loaded);
}

std::string_view EmbeddedConfigText() { return kEmbeddedConfig; }

}  // namespace tokenbroker::config
