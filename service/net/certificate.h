// Certificates in PEM: whether one can be shown, and for how long, before a connection depends on
// it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"

namespace tokenbroker {

// Whether a certificate, with its intermediates, and a key can be used together. Pure and
// thread-safe.
//
// Errors: INVALID_REQUEST, with a message that says which of them is at fault, or that the key is
// not that of the certificate.
absl::Status CheckKeyPair(std::string_view certificate_pem, const Secret& key_pem);

// `x5t#S256` of the first certificate in a PEM text: SHA-256 of its DER form, base64url (RFC 7515
// section 4.1.8). Errors: INVALID_REQUEST where there is none. Pure and thread-safe.
absl::StatusOr<std::string> CertificateThumbprint(std::string_view certificate_pem);

// When all certificates in a PEM text are good (RFC 5280 section 4.1.2.5): a chain is as good as
// its worst part.
struct CertificateValidity {
  absl::Time from = absl::InfinitePast();
  absl::Time until = absl::InfiniteFuture();
};

// Errors: INVALID_REQUEST where there is none. Pure and thread-safe.
absl::StatusOr<CertificateValidity> ValidityOfCertificates(std::string_view pem);

}  // namespace tokenbroker
