// Whether a client certificate can be shown, before a connection depends on it.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"

namespace tokenbroker {

// Whether the text of two files that net/tls.h's ClientCertificate names can be used together. Pure
// and thread-safe.
//
// Errors: INVALID_REQUEST, with a message that says which of them is at fault, or that the key is
// not that of the certificate.
absl::Status CheckClientCertificate(std::string_view certificate_pem, const Secret& key_pem);

// `x5t#S256` of the first certificate in a PEM text: SHA-256 of its DER form, base64url (RFC 7515
// section 4.1.8). Errors: INVALID_REQUEST where there is none. Pure and thread-safe.
absl::StatusOr<std::string> CertificateThumbprint(std::string_view certificate_pem);

// When the first certificate in a PEM text expires (RFC 5280 section 4.1.2.5). Errors:
// INVALID_REQUEST where there is none. Pure and thread-safe.
absl::StatusOr<absl::Time> CertificateExpiry(std::string_view certificate_pem);

}  // namespace tokenbroker
