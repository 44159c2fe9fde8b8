#include "rpc/server_identity.h"

#include <cstddef>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "grpc/grpc.h"
#include "net/certificate.h"

namespace tokenbroker::rpc {
namespace {

constexpr std::size_t kMaxFileBytes = 1 << 20;

absl::Status FileError(std::string_view files, std::string_view fault) {
  return ErrorWithMessage(Reason::kInvalidRequest,
                          absl::StrCat(std::string(files), ": ", std::string(fault)));
}

absl::StatusOr<std::string> ReadPem(const std::string& file) {
  auto pem = ReadFile(file, kMaxFileBytes);
  if (!pem.ok()) return FileError(file, std::string(pem.status().message()));
  return pem;
}

grpc_ssl_client_certificate_request_type RequestTypeOf(ClientCertificates client_certificates) {
  switch (client_certificates) {
    case ClientCertificates::kNone:
      return GRPC_SSL_DONT_REQUEST_CLIENT_CERTIFICATE;
    case ClientCertificates::kOptional:
      return GRPC_SSL_REQUEST_CLIENT_CERTIFICATE_AND_VERIFY;
    case ClientCertificates::kRequired:
      return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  return GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
}

// gRPC for C++ has no way to give it a fetcher; gRPC's core has.
class FetchingCredentials final : public grpc::ServerCredentials {
 public:
  FetchingCredentials(std::shared_ptr<ServerIdentity> identity,
                      grpc_ssl_server_certificate_config_callback fetch)
      : identity_(std::move(identity)),
        credentials_(grpc_ssl_server_credentials_create_with_options(
            grpc_ssl_server_credentials_create_options_using_config_fetcher(
                RequestTypeOf(identity_->client_certificates()), fetch, identity_.get()))) {}
  ~FetchingCredentials() override { grpc_server_credentials_release(credentials_); }

  // Nobody has one here.
  void SetAuthMetadataProcessor(const std::shared_ptr<grpc::AuthMetadataProcessor>&) override {}

 private:
  int AddPortToServer(const std::string& address, grpc_server* server) override {
    return grpc_server_add_http2_port(server, address.c_str(), credentials_);
  }

  const std::shared_ptr<ServerIdentity> identity_;
  grpc_server_credentials* const credentials_;
};

}  // namespace

absl::StatusOr<ServerIdentity::Pem> ServerIdentity::Read(const ServerTls& tls) {
  Pem pem;
  ASSIGN_OR_RETURN(pem.certificates, ReadPem(tls.certificate_file));
  ASSIGN_OR_RETURN(std::string private_key, ReadPem(tls.private_key_file));
  pem.private_key = Secret::Take(std::move(private_key));
  const absl::Status pair = CheckKeyPair(pem.certificates, pem.private_key);
  if (!pair.ok()) {
    return FileError(absl::StrCat(tls.certificate_file, ", ", tls.private_key_file),
                     std::string(pair.message()));
  }
  if (tls.client_certificates == ClientCertificates::kNone) return pem;
  if (!tls.client_ca_file) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "Client certificates cannot be checked without a client CA file.");
  }
  ASSIGN_OR_RETURN(pem.client_ca, ReadPem(*tls.client_ca_file));
  const auto authorities = ValidityOfCertificates(pem.client_ca);
  if (!authorities.ok())
    return FileError(*tls.client_ca_file, std::string(authorities.status().message()));
  return pem;
}

void ServerIdentity::Replace(Pem pem) {
  const MutexLock lock(mutex_);
  pem_ = std::move(pem);
  is_new_ = true;
}

std::string ServerIdentity::certificates() const {
  const MutexLock lock(mutex_);
  return pem_.certificates;
}

grpc_ssl_certificate_config_reload_status ServerIdentity::Fetch(
    grpc_ssl_server_certificate_config** config) {
  const MutexLock lock(mutex_);
  if (!is_new_) return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_UNCHANGED;
  const Pem& pem = pem_;
  std::string private_key(pem.private_key.Reveal());
  const grpc_ssl_pem_key_cert_pair pair{.private_key = private_key.c_str(),
                                        .cert_chain = pem.certificates.c_str()};
  // gRPC wants a CA also where nobody is asked for a certificate; it is of no use then.
  const std::string& client_ca = pem.client_ca.empty() ? pem.certificates : pem.client_ca;
  *config = grpc_ssl_server_certificate_config_create(client_ca.c_str(), &pair, 1);
  WipeString(private_key);
  is_new_ = false;
  return GRPC_SSL_CERTIFICATE_CONFIG_RELOAD_NEW;
}

grpc_ssl_certificate_config_reload_status ServerIdentity::FetchFrom(
    void* identity, grpc_ssl_server_certificate_config** config) {
  return static_cast<ServerIdentity*>(identity)->Fetch(config);
}

std::shared_ptr<grpc::ServerCredentials> ServerIdentity::MakeCredentials(
    std::shared_ptr<ServerIdentity> identity) {
  return std::make_shared<FetchingCredentials>(std::move(identity), &ServerIdentity::FetchFrom);
}

}  // namespace tokenbroker::rpc
