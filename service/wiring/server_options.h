// From the server's part of the configuration to what the gRPC server takes.
#pragma once

#include <memory>
#include <optional>

#include "rpc/gate.h"
#include "rpc/server.h"
#include "rpc/server_identity.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::wiring {

// Nothing without server.tls.
std::optional<rpc::ServerTls> TlsOf(const config::v1::Server& server);

// `identity` is null without server.tls.
rpc::ServerOptions ServerOptionsOf(const config::v1::Server& server,
                                   std::shared_ptr<rpc::ServerIdentity> identity);

// For server.health, which must be there: health alone, in plaintext.
rpc::ServerOptions HealthServerOptionsOf(const config::v1::Server& server);

rpc::Gate::Certificates CertificatesOf(const config::v1::Server& server);

}  // namespace tokenbroker::wiring
