#include <set>
#include <string>

#include "config/contradictions.h"
#include "config/names.h"
#include "config/uri.h"

namespace tokenbroker::config {
namespace {

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

void CheckRedis(const v1::RedisStore& redis, Faults& faults) {
  const std::string path = "store.redis";
  if (!redis.username().empty() && !redis.has_password()) {
    faults.AddBecauseOf(path + ".username", path + ".password", "is required with username");
  }
  if (!redis.has_tls()) return;
  const v1::ClientTls& tls = redis.tls();
  if (!BothOrNone(tls.certificate_file(), tls.private_key_file())) {
    faults.Add(path + ".tls", "needs both certificate_file and private_key_file, or neither");
  }
  const auto address = ParseAddress(redis.address());
  if (address && !address->unix_path.empty() && tls.server_name().empty()) {
    faults.Add(path + ".tls", "needs server_name, since a Unix socket has no host name");
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

void CheckServer(const v1::Config& config, Faults& faults) {
  const v1::Server& server = config.server();
  if (server.has_tls()) {
    if (!faults.Has("server.tls")) CheckTls(server.tls(), faults);
  } else if (!IsLocal(server.listen()) && !faults.Has("server.listen") && server.has_listen()) {
    faults.Add("server.listen",
               "is reachable from other machines, and tokens would cross the network in plaintext; "
               "add server.tls, or listen on 127.0.0.1 or a unix: socket");
  }
}

void CheckStore(const v1::Config& config, Faults& faults) {
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
