// What no field alone can tell: names that must exist, values that do not go together.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "config/faults.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::config {

// Each looks at one part of `config`, whose defaults are in place, and leaves out what has a fault
// already.
void CheckServer(const v1::Config& config, Faults& faults);
void CheckTelemetry(const v1::Config& config, Faults& faults);
void CheckStore(const v1::Config& config, Faults& faults);
void CheckProviders(const v1::Config& config, Faults& faults);
void CheckClients(const v1::Config& config, Faults& faults);
void CheckClientAuthentications(const v1::Config& config, Faults& faults);
void CheckCallers(const v1::Config& config, Faults& faults);
void CheckJwtIssuers(const v1::Config& config, Faults& faults);
void CheckTokenFormats(const v1::Config& config, Faults& faults);
void CheckRefresh(const v1::Config& config, Faults& faults);
void CheckSecretSources(const v1::Config& config, Faults& faults);
void CheckClientKeys(const v1::Config& config, Faults& faults);

// Whether only this machine can reach what listens on `listen`: a loopback address or a Unix
// socket.
bool IsLocal(const std::string& listen);

// What the server asks of callers, where the file does not say.
v1::ClientCertificates EffectiveClientCertificates(const v1::ServerTls& tls);

// How many replicas must have a change, where the file does not say. Nothing: all that could be
// promoted.
std::optional<std::uint32_t> EffectiveWaitReplicas(const v1::RedisStore& redis);

}  // namespace tokenbroker::config
