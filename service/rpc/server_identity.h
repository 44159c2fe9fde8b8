// What the server proves itself with, and checks callers by: replaced while it serves.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "base/mutex.h"
#include "base/secret.h"
#include "grpc/grpc_security.h"
#include "grpcpp/security/server_credentials.h"

namespace tokenbroker::rpc {

// Whether callers show a client certificate.
enum class ClientCertificates {
  kNone,      // none is asked for
  kOptional,  // one that is shown must be valid
  kRequired,
};

// Where it lies, in PEM.
struct ServerTls {
  std::string certificate_file;  // with its intermediates
  std::string private_key_file;
  std::optional<std::string> client_ca_file = std::nullopt;  // needed unless kNone
  ClientCertificates client_certificates = ClientCertificates::kNone;
};

// gRPC can read the files again by itself, but takes whatever it finds: a certificate without its
// key would end every new connection. Here what is wrong is refused and the old stays. Thread-safe.
class ServerIdentity {
 public:
  struct Pem {
    std::string certificates;
    Secret private_key;
    std::string client_ca;  // empty where no client certificate is asked for
  };

  // Reads the files and checks that they belong together. Errors: INVALID_REQUEST whose message
  // says what is wrong with which file: it cannot be read, holds no PEM, or the key is not the
  // certificate's. No message quotes a file's contents.
  static absl::StatusOr<Pem> Read(const ServerTls& tls);

  ServerIdentity(Pem pem, ClientCertificates client_certificates)
      : client_certificates_(client_certificates), pem_(std::move(pem)) {}

  // Connections from now on see the new one; those that are open stay as they are.
  void Replace(Pem pem) ABSL_LOCKS_EXCLUDED(mutex_);

  // The certificate that connections see from now on, with its intermediates, in PEM.
  std::string certificates() const ABSL_LOCKS_EXCLUDED(mutex_);

  ClientCertificates client_certificates() const { return client_certificates_; }

  // For one server, which `identity` must outlive.
  static std::shared_ptr<grpc::ServerCredentials> MakeCredentials(
      std::shared_ptr<ServerIdentity> identity);

 private:
  // Asked by gRPC at each connection: what is new.
  grpc_ssl_certificate_config_reload_status Fetch(grpc_ssl_server_certificate_config** config)
      ABSL_LOCKS_EXCLUDED(mutex_);
  static grpc_ssl_certificate_config_reload_status FetchFrom(
      void* identity, grpc_ssl_server_certificate_config** config);

  const ClientCertificates client_certificates_;
  mutable Mutex mutex_;
  Pem pem_ ABSL_GUARDED_BY(mutex_);
  bool is_new_ ABSL_GUARDED_BY(mutex_) = true;  // gRPC has not fetched it yet
};

}  // namespace tokenbroker::rpc
