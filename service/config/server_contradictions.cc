#include <cstdint>
#include <optional>
#include <set>
#include <string>

#include "config/contradictions.h"
#include "config/durations.h"
#include "config/names.h"
#include "config/uri.h"

namespace tokenbroker::config {
namespace {

#ifdef TOKENBROKER_EXPORTS_TRACES
constexpr bool kExportsTraces = true;
#else
constexpr bool kExportsTraces = false;
#endif

bool BothOrNone(const std::string& a, const std::string& b) { return a.empty() == b.empty(); }

void CheckTls(const v1::ServerTls& tls, Faults& faults) {
  const bool asks = EffectiveClientCertificates(tls) != v1::CLIENT_CERTIFICATES_NONE;
  if (asks && tls.client_ca_file().empty()) {
    faults.Add("server.tls.client_certificates",
               "needs server.tls.client_ca_file, the certificates that sign those of callers");
  }
  if (!asks && !tls.client_ca_file().empty()) {
    faults.Add("server.tls.client_ca_file",
               "is not used with client_certificates: none; remove one of them");
  }
}

void CheckLogin(const std::string& path, const std::string& username, bool has_password,
                Faults& faults) {
  if (!username.empty() && !has_password) {
    faults.AddBecauseOf(path + ".username", path + ".password", "is required with username");
  }
}

void CheckClientTls(const std::string& path, const v1::ClientTls& tls, Faults& faults) {
  if (!BothOrNone(tls.certificate_file(), tls.private_key_file())) {
    faults.Add(path, "needs both certificate_file and private_key_file, or neither");
  }
}

void CheckTraces(const v1::Config& config, Faults& faults) {
  if (!config.telemetry().has_traces() || faults.Has("telemetry.traces.otlp_endpoint")) return;
  if (!kExportsTraces) {
    faults.Add(
        "telemetry.traces",
        "needs a token-broker that was built with opentelemetry-cpp, which this one was not");
    return;
  }
  const std::string& endpoint = config.telemetry().traces().otlp_endpoint();
  if (endpoint.starts_with("http://") || endpoint.starts_with("https://")) return;
  faults.Add("telemetry.traces.otlp_endpoint", "must begin with http:// or https://");
}

bool IsUnixSocket(const std::string& text) {
  const auto address = ParseAddress(text);
  return address && !address->unix_path.empty();
}

// Where servers of a group are: other machines must be able to go there too.
template <typename Addresses>
void CheckAddresses(const std::string& path, const Addresses& addresses, Faults& faults) {
  for (int i = 0; i < addresses.size(); ++i) {
    if (!IsUnixSocket(addresses[i])) continue;
    faults.Add(ElementPath(path, static_cast<std::size_t>(i)),
               "must be host:port: the servers name each other by host and port");
  }
}

void CheckReplication(const v1::RedisStore& redis, Faults& faults) {
  const std::string path = "store.redis.replication";
  if (!redis.has_replication() || EffectiveWaitReplicas(redis) == 0) return;
  if (ToDuration(redis.replication().wait_timeout()) >= ToDuration(redis.command_timeout())) {
    faults.Add(path + ".wait_timeout",
               "must be shorter than store.redis.command_timeout, which ends the wait too");
  }
}

void CheckRedis(const v1::RedisStore& redis, Faults& faults) {
  const std::string path = "store.redis";
  CheckLogin(path, redis.username(), redis.has_password(), faults);
  if (redis.has_tls()) CheckClientTls(path + ".tls", redis.tls(), faults);
  if (redis.has_tls() && IsUnixSocket(redis.address())) {
    faults.Add(path + ".tls", "is not spoken over a Unix socket; remove it, or give host:port");
  }
  if (redis.has_sentinel()) {
    const v1::RedisSentinel& sentinel = redis.sentinel();
    const std::string place = path + ".sentinel";
    CheckAddresses(place + ".addresses", sentinel.addresses(), faults);
    CheckLogin(place, sentinel.username(), sentinel.has_password(), faults);
    if (sentinel.has_tls()) CheckClientTls(place + ".tls", sentinel.tls(), faults);
  }
  if (redis.has_cluster()) {
    CheckAddresses(path + ".cluster.addresses", redis.cluster().addresses(), faults);
    if (redis.database() != 0) {
      faults.Add(path + ".database", "must be 0 with cluster: a cluster has no other");
    }
  }
  CheckReplication(redis, faults);
}

void CheckHealth(const v1::Server& server, Faults& faults) {
  if (!server.has_health() || faults.Has("server.health.listen")) return;
  const auto health = ParseAddress(server.health().listen());
  if (health && health->port == 0 && health->unix_path.empty()) return;
  if (server.health().listen() == server.listen()) {
    faults.Add("server.health.listen",
               "is the address of server.listen, which serves health too; choose another one");
  }
}

}  // namespace

bool IsLocal(const std::string& listen) {
  const auto address = ParseAddress(listen);
  return address && (!address->unix_path.empty() || IsLoopbackHost(address->host));
}

v1::ClientCertificates EffectiveClientCertificates(const v1::ServerTls& tls) {
  if (tls.client_certificates() != v1::CLIENT_CERTIFICATES_UNSPECIFIED) {
    return tls.client_certificates();
  }
  return tls.client_ca_file().empty() ? v1::CLIENT_CERTIFICATES_NONE
                                      : v1::CLIENT_CERTIFICATES_REQUIRED;
}

std::optional<std::uint32_t> EffectiveWaitReplicas(const v1::RedisStore& redis) {
  if (redis.replication().has_wait_replicas()) return redis.replication().wait_replicas();
  if (redis.has_sentinel() || redis.has_cluster()) return std::nullopt;
  return 0;
}

void CheckServer(const v1::Config& config, Faults& faults) {
  const v1::Server& server = config.server();
  if (server.has_tls()) {
    if (!faults.Has("server.tls")) CheckTls(server.tls(), faults);
  } else if (!IsLocal(server.listen()) && !faults.Has("server.listen") && server.has_listen()) {
    faults.Add("server.listen",
               "is reachable from other machines, and tokens would cross the network in plaintext; "
               "add server.tls, or listen on 127.0.0.1 or a unix: socket");
  }
  CheckHealth(server, faults);
}

void CheckTelemetry(const v1::Config& config, Faults& faults) {
  CheckTraces(config, faults);
  if (!config.telemetry().has_metrics() || faults.Has("telemetry.metrics.listen")) return;
  const auto address = ParseAddress(config.telemetry().metrics().listen());
  const bool is_usable = address && address->unix_path.empty() &&
                         (address->host == "localhost" || IsAddressBlock(address->host));
  if (is_usable) return;
  faults.Add("telemetry.metrics.listen",
             "must be an IP address or localhost, and a port: 127.0.0.1:9464, or 0.0.0.0:9464 for "
             "every interface");
}

void CheckStore(const v1::Config& config, Faults& faults) {
  if (config.refresh().has_spool() && !config.store().has_redis()) {
    faults.Add("refresh.spool",
               "is for grants that outlive the process, which those in memory do not: it needs "
               "store.redis");
  }
  if (config.store().has_redis()) {
    CheckRedis(config.store().redis(), faults);
    if (!config.has_encryption()) {
      faults.AddBecauseOf("store.redis", "encryption.keys",
                          "is required with store.redis: what is stored there is sealed");
    }
  }
  UniqueValues ids("encryption.keys", "id", faults);
  for (int i = 0; i < config.encryption().keys_size(); ++i) {
    ids.Add(static_cast<std::size_t>(i), config.encryption().keys(i).id());
  }
}

}  // namespace tokenbroker::config
