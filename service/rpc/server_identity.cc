#include "rpc/server_identity.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "grpc/grpc.h"

namespace tokenbroker::rpc {
namespace {

constexpr std::streamoff kMaxFileBytes = 16 << 20;

template <auto kFunction>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    kFunction(object);
  }
};
using BioPtr = std::unique_ptr<BIO, Free<BIO_free_all>>;
using CertificatePtr = std::unique_ptr<X509, Free<X509_free>>;
using PkeyPtr = std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>>;

absl::Status FileError(std::string_view file, std::string_view fault) {
  ERR_clear_error();
  return ErrorWithMessage(Reason::kInvalidRequest,
                          absl::StrCat(std::string(file), " ", std::string(fault)));
}

absl::StatusOr<std::string> ReadWhole(const std::string& file) {
  std::ifstream stream(file, std::ios::binary | std::ios::ate);
  const std::streamoff size = stream.tellg();
  if (!stream || size > kMaxFileBytes) return FileError(file, "cannot be read.");
  // At its full size from the start, so that no copy of a key is left behind.
  std::string bytes(static_cast<std::size_t>(size), '\0');
  stream.seekg(0).read(bytes.data(), size);
  if (!stream) {
    WipeString(bytes);
    return FileError(file, "cannot be read.");
  }
  return bytes;
}

BioPtr Reader(std::string_view bytes) {
  return BioPtr(BIO_new_mem_buf(bytes.data(), static_cast<int>(bytes.size())));
}

absl::StatusOr<CertificatePtr> FirstCertificate(const std::string& file, std::string_view pem) {
  CertificatePtr certificate(PEM_read_bio_X509(Reader(pem).get(), nullptr, nullptr, nullptr));
  if (!certificate) return FileError(file, "does not begin with a certificate in PEM.");
  return certificate;
}

absl::StatusOr<PkeyPtr> PrivateKey(const std::string& file, std::string_view pem) {
  // An empty pass phrase: without it OpenSSL would ask at the terminal.
  PkeyPtr key(PEM_read_bio_PrivateKey(Reader(pem).get(), nullptr, nullptr, const_cast<char*>("")));
  if (!key) return FileError(file, "holds no private key in PEM without a pass phrase.");
  return key;
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
  ASSIGN_OR_RETURN(pem.certificates, ReadWhole(tls.certificate_file));
  ASSIGN_OR_RETURN(std::string private_key, ReadWhole(tls.private_key_file));
  pem.private_key = Secret::Take(std::move(private_key));
  ASSIGN_OR_RETURN(const CertificatePtr certificate,
                   FirstCertificate(tls.certificate_file, pem.certificates));
  ASSIGN_OR_RETURN(const PkeyPtr key, PrivateKey(tls.private_key_file, pem.private_key.Reveal()));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return FileError(tls.private_key_file,
                     absl::StrCat("is not the private key of ", tls.certificate_file, "."));
  }
  if (tls.client_certificates == ClientCertificates::kNone) return pem;
  if (!tls.client_ca_file) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "Client certificates cannot be checked without a client CA file.");
  }
  ASSIGN_OR_RETURN(pem.client_ca, ReadWhole(*tls.client_ca_file));
  RETURN_IF_ERROR(FirstCertificate(*tls.client_ca_file, pem.client_ca).status());
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
