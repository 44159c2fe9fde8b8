#include "wiring/stores.h"

#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "base/random.h"
#include "config/durations.h"
#include "storage/memory/memory_grant_store.h"
#include "storage/redis/redis_grant_store.h"

namespace tokenbroker::wiring {
namespace {

using config::ToDuration;

constexpr char kUnixPrefix[] = "unix:";

TlsClientOptions TlsOf(const config::v1::ClientTls& tls) {
  TlsClientOptions options;
  if (!tls.ca_file().empty()) options.ca_file = tls.ca_file();
  if (!tls.certificate_file().empty()) {
    options.client_certificate = ClientCertificate{.certificate_file = tls.certificate_file(),
                                                   .key_file = tls.private_key_file()};
  }
  return options;
}

// The syntax of the address was checked when the configuration was loaded: `unix:/path`, or
// `host:port` with brackets around an IPv6 address.
StreamEndpoint EndpointOf(const config::v1::RedisStore& redis) {
  const std::string& address = redis.address();
  if (address.starts_with(kUnixPrefix)) {
    return UnixEndpoint{.path = address.substr(sizeof kUnixPrefix - 1)};
  }
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  std::uint32_t port = 0;
  (void)absl::SimpleAtoi(address.substr(colon + 1), &port);
  TcpEndpoint endpoint{.host = std::move(host), .port = static_cast<std::uint16_t>(port)};
  if (redis.has_tls()) endpoint.tls = TlsOf(redis.tls());
  return endpoint;
}

storage::RedisStoreOptions RedisOptionsOf(const config::LoadedConfig& loaded) {
  const config::v1::RedisStore& redis = loaded.config.store().redis();
  auto options = std::make_shared<RedisOptions>();
  options->endpoint = EndpointOf(redis);
  if (!redis.username().empty()) options->username = redis.username();
  if (redis.has_password()) options->password = loaded.secrets.Get(redis.password()).Copy();
  options->database = static_cast<int>(redis.database());
  options->connect_timeout = ToDuration(redis.connect_timeout());
  options->command_timeout = ToDuration(redis.command_timeout());
  return {.redis = std::move(options),
          .connections = redis.connections(),
          .key_prefix = redis.key_prefix()};
}

}  // namespace

absl::StatusOr<grants::KeyRing> KeyRingOf(const config::LoadedConfig& loaded) {
  std::vector<grants::SealingKey> keys;
  for (const config::SealingKey& key : loaded.sealing_keys) {
    keys.push_back({.id = key.id, .key = key.key.Copy()});
  }
  // Nothing that this seals outlives the process.
  if (keys.empty()) {
    keys.push_back({.id = "process", .key = Secret::Take(RandomBytes(grants::kSealingKeySize))});
  }
  return grants::KeyRing::Create(std::move(keys));
}

std::unique_ptr<grants::GrantStore> StoreOf(const config::LoadedConfig& loaded, Runtime& runtime,
                                            const Clock& clock, const grants::KeyRing& ring) {
  if (!loaded.config.store().has_redis()) return std::make_unique<storage::MemoryGrantStore>(clock);
  return std::make_unique<storage::RedisGrantStore>(runtime, clock, ring, RedisOptionsOf(loaded));
}

}  // namespace tokenbroker::wiring
