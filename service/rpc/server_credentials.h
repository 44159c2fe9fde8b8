// How callers reach the server: plaintext on this machine, TLS from anywhere.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "grpcpp/security/server_credentials.h"

namespace tokenbroker::rpc {

// Whether callers show a client certificate.
enum class ClientCertificates {
  kNone,      // none is asked for
  kOptional,  // one that is shown must be valid
  kRequired,
};

// TLS from PEM files, which are read again when they change. The certificate and its key are best
// replaced together, by renaming a symbolic link to their directory as Kubernetes does.
struct ServerTls {
  std::string certificate_file;  // with its intermediates
  std::string private_key_file;
  std::optional<std::string> client_ca_file = std::nullopt;  // needed unless kNone
  ClientCertificates client_certificates = ClientCertificates::kNone;
  absl::Duration reload_interval = absl::Minutes(1);  // whole seconds, at least one
};

// Whether only this machine can reach `address`: a Unix socket (`unix:/run/broker.sock`),
// `localhost` or a loopback address with a port.
bool IsLocalAddress(std::string_view address);

// Credentials for listening on `address`. Without `tls` only a local address is served.
//
// Errors: INVALID_REQUEST whose message says what is wrong with the address or a file: it cannot be
// read, holds no PEM, or the key is not the certificate's. No message quotes a file's contents.
absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    std::string_view address, const std::optional<ServerTls>& tls);

}  // namespace tokenbroker::rpc
