// The operator's configuration file: read, checked and completed.
//
// The file is YAML with the fields of proto/tokenbroker/config/v1/config.proto. Whatever is wrong
// with it is reported at once, each fault on a line of its own:
//
//   broker.yaml:12:5: clients[0].redirect_uri: there is no such field; did you mean
//   "redirect_uris"?
//
// What is returned has every default in place, so that nobody after this needs to know one.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/secret.h"
#include "config/secrets.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::config {

// A key that seals records.
struct SealingKey {
  std::string id;
  Secret key;  // 32 bytes
};

// A configuration that can be run. `config` holds no secret: what was inline is moved to `secrets`.
struct LoadedConfig {
  v1::Config config;
  Secrets secrets;
  std::vector<SealingKey> sealing_keys;  // as in encryption.keys; empty if there are none
};

// Checks the YAML `text` and completes it. `name` is what faults call the file. No I/O.
//
// Completed are the defaults that config.proto states, and besides: `default_response_type`,
// `default_scopes`, `server.tls.client_certificates`, `store.redis.replication.wait_replicas` with
// `address`, and the order of words in response types.
//
// Errors: INVALID_ARGUMENT, one line for each fault. No fault quotes a secret.
// Never throws; bounded in time and memory for texts up to 1 MiB, and larger ones are refused.
absl::StatusOr<v1::Config> ParseConfig(std::string_view text, std::string_view name);

// ParseConfig for the file at `path`; relative paths in it count from its folder afterwards. Reads
// neither secrets nor certificates, so that a file can be checked where they are not.
//
// Errors: as ParseConfig; NOT_FOUND or PERMISSION_DENIED where the file cannot be read.
absl::StatusOr<v1::Config> CheckConfig(const std::string& path);

// CheckConfig, and reads every secret; sees that every other file named in it can be read, and that
// the keys and certificates which clients prove themselves with can be used.
//
// Errors: as CheckConfig; what is wrong with a file or a secret is a fault at its field.
absl::StatusOr<LoadedConfig> LoadConfig(const std::string& path);

// What the broker runs on without a file: everything in memory, plaintext on the loopback default
// address, no providers, and everybody on this machine is the caller `developer`, who may do
// everything.
LoadedConfig EmbeddedConfig();

// The YAML behind EmbeddedConfig.
std::string_view EmbeddedConfigText();

}  // namespace tokenbroker::config
