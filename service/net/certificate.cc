#include "net/certificate.h"

#include <openssl/asn1.h>
#include <openssl/pem.h>

#include <algorithm>
#include <ctime>

#include "base/base64url.h"
#include "base/error.h"
#include "base/openssl.h"
#include "base/sha256.h"

namespace tokenbroker {
namespace {

// Without one, OpenSSL would ask on the terminal for the passphrase of an encrypted key.
int RefusePassphrase(char*, int, int, void*) { return -1; }

BioPtr Reader(std::string_view pem) {
  return BioPtr(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

// The next in what is read; null at the end.
CertificatePtr ReadCertificate(const BioPtr& reader) {
  return CertificatePtr(PEM_read_bio_X509(reader.get(), nullptr, RefusePassphrase, nullptr));
}

absl::Status NoCertificate() {
  return ErrorWithMessage(Reason::kInvalidRequest, "The certificate is not in PEM.");
}

// Infinitely bad where it cannot be understood.
absl::Time TimeOf(const ASN1_TIME* time, absl::Time otherwise) {
  std::tm fields = {};
  if (ASN1_TIME_to_tm(time, &fields) != 1) return otherwise;
  return absl::FromTM(fields, absl::UTCTimeZone());
}

}  // namespace

absl::Status CheckKeyPair(std::string_view certificate_pem, const Secret& key_pem) {
  const ErrorQueueGuard guard;
  const CertificatePtr certificate = ReadCertificate(Reader(certificate_pem));
  if (!certificate) return NoCertificate();
  const std::unique_ptr<EVP_PKEY, Free<EVP_PKEY_free>> key(
      PEM_read_bio_PrivateKey(Reader(key_pem.Reveal()).get(), nullptr, RefusePassphrase, nullptr));
  if (!key) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not an unencrypted PEM private key.");
  }
  if (X509_check_private_key(certificate.get(), key.get()) != 1) {
    return ErrorWithMessage(Reason::kInvalidRequest,
                            "The private key is not that of the certificate.");
  }
  return absl::OkStatus();
}

absl::StatusOr<std::string> CertificateThumbprint(std::string_view certificate_pem) {
  const ErrorQueueGuard guard;
  const CertificatePtr certificate = ReadCertificate(Reader(certificate_pem));
  unsigned char* der = nullptr;
  const int size = certificate ? i2d_X509(certificate.get(), &der) : -1;
  if (size < 0) return NoCertificate();
  std::string thumbprint = Base64UrlEncode(
      Sha256(std::string_view(reinterpret_cast<char*>(der), static_cast<std::size_t>(size))));
  OPENSSL_free(der);
  return thumbprint;
}

absl::StatusOr<CertificateValidity> ValidityOfCertificates(std::string_view pem) {
  const ErrorQueueGuard guard;
  const BioPtr reader = Reader(pem);
  CertificatePtr certificate = ReadCertificate(reader);
  if (!certificate) return NoCertificate();
  CertificateValidity validity;
  for (; certificate; certificate = ReadCertificate(reader)) {
    const absl::Time from = TimeOf(X509_get0_notBefore(certificate.get()), absl::InfiniteFuture());
    const absl::Time until = TimeOf(X509_get0_notAfter(certificate.get()), absl::InfinitePast());
    validity.from = std::max(validity.from, from);
    validity.until = std::min(validity.until, until);
  }
  return validity;
}

}  // namespace tokenbroker
