#include "net/client_certificate.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <ctime>
#include <memory>

#include "base/base64url.h"
#include "base/error.h"
#include "base/sha256.h"

namespace tokenbroker {
namespace {

template <auto Function>
struct Free {
  template <typename T>
  void operator()(T* object) const {
    Function(object);
  }
};

// Without one, OpenSSL would ask on the terminal for the passphrase of an encrypted key.
int RefusePassphrase(char*, int, int, void*) { return -1; }

template <auto Read>
auto ReadPem(std::string_view pem) {
  const std::unique_ptr<BIO, Free<BIO_vfree>> bio(
      BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  return bio ? Read(bio.get(), nullptr, RefusePassphrase, nullptr) : nullptr;
}

}  // namespace

absl::Status CheckClientCertificate(std::string_view certificate_pem, const Secret& key_pem) {
  // What a bad file leaves in OpenSSL's error queue would be read as the failure of something else.
  ERR_set_mark();
  const std::unique_ptr<X509, Free<X509_free>> certificate(
      ReadPem<PEM_read_bio_X509>(certificate_pem));
  const std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key(
      ReadPem<PEM_read_bio_PrivateKey>(key_pem.Reveal()));
  const bool is_pair =
      certificate && key && X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_pop_to_mark();
  if (!certificate) {
    return ErrorWithMessage(Reason::kInvalidRequest, "The certificate is not in PEM.");
  }
  if (!key) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not an unencrypted PEM private key.");
  }
  if (!is_pair) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not that of the certificate.");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CertificateThumbprint(std::string_view certificate_pem) {
  ERR_set_mark();
  const std::unique_ptr<X509, Free<X509_free>> certificate(
      ReadPem<PEM_read_bio_X509>(certificate_pem));
  unsigned char* der = nullptr;
  const int size = certificate ? i2d_X509(certificate.get(), &der) : -1;
  ERR_pop_to_mark();
  if (size < 0) return ErrorWithMessage(Reason::kInvalidRequest, "The certificate is not in PEM.");
  std::string thumbprint = Base64UrlEncode(
      Sha256(std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return thumbprint;
}

absl::StatusOr<absl::Time> CertificateExpiry(std::string_view certificate_pem) {
  ERR_set_mark();
  const std::unique_ptr<X509, Free<X509_free>> certificate(
      ReadPem<PEM_read_bio_X509>(certificate_pem));
  std::tm expiry = {};
  const bool has_expiry =
      certificate && ASN1_TIME_to_tm(X509_get0_notAfter(certificate.get()), &expiry) == 1;
  ERR_pop_to_mark();
  if (!has_expiry) {
    return ErrorWithMessage(Reason::kInvalidRequest, "The certificate is not in PEM.");
  }
  return absl::FromTM(expiry, absl::UTCTimeZone());
}

}  // namespace tokenbroker
