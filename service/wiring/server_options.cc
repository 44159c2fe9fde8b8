#include "wiring/server_options.h"

#include <utility>

namespace tokenbroker::wiring {

std::optional<rpc::ServerTls> TlsOf(const config::v1::Server& server) {
  if (!server.has_tls()) return std::nullopt;
  const config::v1::ServerTls& tls = server.tls();
  rpc::ServerTls made{.certificate_file = tls.certificate_file(),
                      .private_key_file = tls.private_key_file()};
  if (!tls.client_ca_file().empty()) made.client_ca_file = tls.client_ca_file();
  switch (tls.client_certificates()) {
    case config::v1::CLIENT_CERTIFICATES_REQUIRED:
      made.client_certificates = rpc::ClientCertificates::kRequired;
      break;
    case config::v1::CLIENT_CERTIFICATES_OPTIONAL:
      made.client_certificates = rpc::ClientCertificates::kOptional;
      break;
    default:
      made.client_certificates = rpc::ClientCertificates::kNone;
  }
  return made;
}

rpc::ServerOptions ServerOptionsOf(const config::v1::Server& server,
                                   std::shared_ptr<rpc::ServerIdentity> identity) {
  rpc::ServerOptions options{.listen = server.listen(),
                             .identity = std::move(identity),
                             .max_request_bytes = server.limits().max_request_bytes(),
                             .max_metadata_bytes = server.limits().max_metadata_bytes(),
                             .running = {.max_calls = server.limits().max_concurrent_rpcs(),
                                         .max_streams = server.limits().max_concurrent_streams()},
                             .reflection = server.reflection()};
  if (server.has_completion_queues()) options.queues = server.completion_queues();
  return options;
}

rpc::ServerOptions HealthServerOptionsOf(const config::v1::Server& server) {
  return {.listen = server.health().listen(),
          .public_plaintext = true,
          .queues = 1,
          .max_request_bytes = server.limits().max_request_bytes(),
          .max_metadata_bytes = server.limits().max_metadata_bytes(),
          .reflection = false};
}

rpc::Gate::Certificates CertificatesOf(const config::v1::Server& server) {
  const auto tls = TlsOf(server);
  const bool shown = tls && tls->client_certificates != rpc::ClientCertificates::kNone;
  return shown ? rpc::Gate::Certificates::kLookedAt : rpc::Gate::Certificates::kNone;
}

}  // namespace tokenbroker::wiring
