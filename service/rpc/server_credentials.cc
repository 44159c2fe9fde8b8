#include "rpc/server_credentials.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "asio/ip/address.hpp"
#include "base/error.h"
#include "base/status_macros.h"
#include "grpcpp/security/tls_certificate_provider.h"
#include "grpcpp/security/tls_credentials_options.h"

namespace tokenbroker::rpc {
namespace {

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

absl::StatusOr<BioPtr> Open(const std::string& file) {
  BioPtr bio(BIO_new_file(file.c_str(), "rb"));
  if (!bio) return FileError(file, "cannot be read.");
  return bio;
}

absl::StatusOr<CertificatePtr> ReadCertificate(const std::string& file) {
  ASSIGN_OR_RETURN(const BioPtr bio, Open(file));
  CertificatePtr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!certificate) return FileError(file, "does not begin with a certificate in PEM.");
  return certificate;
}

absl::StatusOr<PkeyPtr> ReadPrivateKey(const std::string& file) {
  ASSIGN_OR_RETURN(const BioPtr bio, Open(file));
  // An empty pass phrase: without it OpenSSL would ask at the terminal.
  PkeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, const_cast<char*>("")));
  if (!key) return FileError(file, "holds no private key in PEM without a pass phrase.");
  return key;
}

// gRPC reads the files by itself later, and only logs what is wrong with them.
absl::Status CheckFiles(const ServerTls& tls) {
  ASSIGN_OR_RETURN(const CertificatePtr certificate, ReadCertificate(tls.certificate_file));
  ASSIGN_OR_RETURN(const PkeyPtr key, ReadPrivateKey(tls.private_key_file));
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return FileError(tls.private_key_file,
                     absl::StrCat("is not the private key of ", tls.certificate_file, "."));
  }
  if (tls.client_certificates == ClientCertificates::kNone) return absl::OkStatus();
  if (!tls.client_ca_file) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "Client certificates cannot be checked without a client CA file.");
  }
  return ReadCertificate(*tls.client_ca_file).status();
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

std::shared_ptr<grpc::ServerCredentials> TlsCredentials(const ServerTls& tls) {
  const bool checks_clients = tls.client_certificates != ClientCertificates::kNone;
  const auto interval = std::max<std::int64_t>(1, absl::ToInt64Seconds(tls.reload_interval));
  auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.private_key_file, tls.certificate_file, checks_clients ? *tls.client_ca_file : "",
      static_cast<unsigned int>(interval));
  grpc::experimental::TlsServerCredentialsOptions options(std::move(provider));
  options.watch_identity_key_cert_pairs();
  if (checks_clients) options.watch_root_certs();
  options.set_cert_request_type(RequestTypeOf(tls.client_certificates));
  return grpc::experimental::TlsServerCredentials(options);
}

}  // namespace

bool IsLocalAddress(std::string_view address) {
  if (address.starts_with("unix:")) return true;
  const auto colon = address.rfind(':');
  if (colon == address.npos) return false;
  std::string_view host = address.substr(0, colon);
  if (host == "localhost") return true;
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  asio::error_code error;
  const auto ip = asio::ip::make_address(std::string(host), error);
  return !error && ip.is_loopback();
}

absl::StatusOr<std::shared_ptr<grpc::ServerCredentials>> MakeServerCredentials(
    std::string_view address, const std::optional<ServerTls>& tls) {
  if (tls) {
    RETURN_IF_ERROR(CheckFiles(*tls));
    return TlsCredentials(*tls);
  }
  if (!IsLocalAddress(address)) {
    return ErrorWithMessage(
        Reason::kInvalidRequest,
        absl::StrCat("Without TLS the broker listens on a loopback address or a Unix socket only, "
                     "not on ",
                     std::string(address), ": tokens would cross the network in the clear."));
  }
  return grpc::InsecureServerCredentials();
}

}  // namespace tokenbroker::rpc
