#include "wiring/stores.h"

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "asio/awaitable.hpp"
#include "base/random.h"
#include "base/status_macros.h"
#include "broker/pause.h"
#include "config/durations.h"
#include "storage/disk/disk_spool.h"
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

// The syntax of addresses was checked when the configuration was loaded: `host:port`, with brackets
// around an IPv6 address.
RedisNode NodeOf(const std::string& address) {
  const auto colon = address.rfind(':');
  std::string host = address.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  std::uint32_t port = 0;
  (void)absl::SimpleAtoi(address.substr(colon + 1), &port);
  return {.host = std::move(host), .port = static_cast<std::uint16_t>(port)};
}

std::optional<std::string> TextOrNothing(const std::string& text) {
  return text.empty() ? std::nullopt : std::make_optional(text);
}

// `tls` may be null: plaintext.
TcpEndpoint TcpEndpointOf(const std::string& address, const config::v1::ClientTls* tls) {
  RedisNode node = NodeOf(address);
  TcpEndpoint endpoint{.host = std::move(node.host), .port = node.port};
  if (tls != nullptr) {
    endpoint.tls = TlsOf(*tls);
    endpoint.server_name = TextOrNothing(tls->server_name());
  }
  return endpoint;
}

// A file is read for every connection; what does not change is kept.
std::function<absl::StatusOr<RedisLogin>()> LoginOf(const std::string& username,
                                                    const config::v1::SecretSource& source,
                                                    const config::Secrets& secrets) {
  auto kept = std::make_shared<const Secret>(secrets.Get(source).Copy());
  return [username = TextOrNothing(username), source, kept]() -> absl::StatusOr<RedisLogin> {
    if (!source.has_file()) return RedisLogin{.username = username, .password = kept->Copy()};
    ASSIGN_OR_RETURN(Secret password, config::ReadSecret(source));
    return RedisLogin{.username = username, .password = std::move(password)};
  };
}

RedisSentinelOptions SentinelOf(const config::v1::RedisStore& redis, const RedisOptions& like,
                                const config::Secrets& secrets) {
  const config::v1::RedisSentinel& settings = redis.sentinel();
  RedisSentinelOptions options{.master_name = settings.master_name()};
  for (const std::string& address : settings.addresses()) {
    auto sentinel = std::make_shared<RedisOptions>(like);
    sentinel->endpoint = TcpEndpointOf(address, settings.has_tls() ? &settings.tls() : nullptr);
    sentinel->database = 0;
    sentinel->counters = nullptr;
    sentinel->login = {};
    if (settings.has_password()) {
      sentinel->login = LoginOf(settings.username(), settings.password(), secrets);
    }
    options.sentinels.push_back(std::move(sentinel));
  }
  if (redis.has_tls()) {
    options.primary_tls = TlsOf(redis.tls());
    options.primary_server_name = TextOrNothing(redis.tls().server_name());
  }
  return options;
}

RedisClusterOptions ClusterOf(const config::v1::RedisStore& redis) {
  RedisClusterOptions options;
  for (const std::string& address : redis.cluster().addresses()) {
    options.seeds.push_back(NodeOf(address));
  }
  if (redis.has_tls()) {
    options.tls = TlsOf(redis.tls());
    options.server_name = TextOrNothing(redis.tls().server_name());
  }
  return options;
}

constexpr absl::Duration kBetweenWarnings = absl::Minutes(1);
constexpr absl::Duration kBetweenAttempts = absl::Seconds(1);

// Says that changes are not replicated in time; not with every one.
std::function<void()> WarningOf(const telemetry::Log& log) {
  auto next = std::make_shared<std::atomic<std::int64_t>>(0);
  return [&log, next] {
    const std::int64_t now = absl::ToUnixMillis(absl::Now());
    std::int64_t due = next->load();
    if (now < due) return;
    if (!next->compare_exchange_strong(due, now + absl::ToInt64Milliseconds(kBetweenWarnings))) {
      return;
    }
    log.Write(telemetry::Level::kWarning, "redis replicas are late",
              {{"because",
                "fewer of them than store.redis.replication.wait_replicas wants have a change "
                "after wait_timeout: it counts as not made until they do"}});
  };
}

// Looks at Redis's settings once it can be asked.
asio::awaitable<void> WarnOfSettings(storage::RedisGrantStore& store, const telemetry::Log& log) {
  while (true) {
    absl::StatusOr<std::vector<std::string>> warnings = co_await store.CheckSettings();
    if (warnings.ok()) {
      for (const std::string& warning : *warnings) {
        log.Write(telemetry::Level::kWarning, "redis settings risk what is stored",
                  {{"warning", warning}});
      }
      co_return;
    }
    co_await broker::Pause(kBetweenAttempts);
  }
}

storage::RedisStoreOptions RedisOptionsOf(const config::LoadedConfig& loaded,
                                          std::function<void()> on_too_few_replicas,
                                          std::shared_ptr<RedisCounters> counters) {
  const config::v1::RedisStore& redis = loaded.config.store().redis();
  auto options = std::make_shared<RedisOptions>();
  options->counters = std::move(counters);
  const std::string& address = redis.address();
  if (address.starts_with(kUnixPrefix)) {
    options->endpoint = UnixEndpoint{.path = address.substr(sizeof kUnixPrefix - 1)};
  } else if (!address.empty()) {
    options->endpoint = TcpEndpointOf(address, redis.has_tls() ? &redis.tls() : nullptr);
  }
  if (redis.has_password()) {
    options->login = LoginOf(redis.username(), redis.password(), loaded.secrets);
  }
  options->database = static_cast<int>(redis.database());
  options->connect_timeout = ToDuration(redis.connect_timeout());
  options->command_timeout = ToDuration(redis.command_timeout());
  storage::RedisStoreOptions store{
      .redis = options, .connections = redis.connections(), .key_prefix = redis.key_prefix()};
  const config::v1::RedisReplication& replication = redis.replication();
  store.replication = {.wait_replicas = std::nullopt,
                       .wait_timeout = ToDuration(replication.wait_timeout()),
                       .on_too_few = std::move(on_too_few_replicas)};
  if (replication.has_wait_replicas()) {
    store.replication.wait_replicas = static_cast<int>(replication.wait_replicas());
  }
  if (redis.has_sentinel()) store.sentinel = SentinelOf(redis, *options, loaded.secrets);
  if (redis.has_cluster()) store.cluster = ClusterOf(redis);
  return store;
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

std::shared_ptr<storage::RedisGrantStore> RedisStoreOf(const config::LoadedConfig& loaded,
                                                       Runtime& runtime, const Clock& clock,
                                                       const grants::KeyRing& ring) {
  return std::make_shared<storage::RedisGrantStore>(runtime, clock, ring,
                                                    RedisOptionsOf(loaded, [] {}, nullptr));
}

Store StoreOf(const config::LoadedConfig& loaded, Runtime& runtime, const Clock& clock,
              const grants::KeyRing& ring, const telemetry::Log& log) {
  if (!loaded.config.store().has_redis()) {
    auto memory = std::make_shared<storage::MemoryGrantStore>(clock);
    return {.grants = memory, .limits = memory, .redis = nullptr, .change_lag = nullptr};
  }
  auto counters = std::make_shared<RedisCounters>();
  auto change_lag = std::make_shared<telemetry::DurationCells>();
  storage::RedisStoreOptions options = RedisOptionsOf(loaded, WarningOf(log), counters);
  options.on_change_heard = [change_lag](absl::Duration lag) { change_lag->Add(lag); };
  auto redis = std::make_shared<storage::RedisGrantStore>(runtime, clock, ring, std::move(options));
  runtime.Spawn(WarnOfSettings(*redis, log));
  return {.grants = redis,
          .limits = redis,
          .redis = std::move(counters),
          .change_lag = std::move(change_lag)};
}

absl::StatusOr<std::unique_ptr<storage::DiskSpool>> SpoolOf(const config::LoadedConfig& loaded,
                                                            const grants::KeyRing& ring,
                                                            const telemetry::Log& log) {
  const config::v1::Config& config = loaded.config;
  if (config.refresh().has_spool()) {
    const config::v1::RefreshSpool& settings = config.refresh().spool();
    const auto open = settings.shared() ? storage::DiskSpool::OpenShared : storage::DiskSpool::Open;
    return open(settings.directory(), ring, log);
  }
  if (config.store().has_redis()) {
    log.Write(telemetry::Level::kWarning, "no spool",
              {{"because",
                "refresh.spool is not set: a refresh token that Redis has not taken is "
                "lost with the process"}});
  }
  return nullptr;
}

}  // namespace tokenbroker::wiring
