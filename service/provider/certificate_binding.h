// Access tokens that are bound to the certificate of the client (RFC 8705 section 3).
#pragma once

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/secret.h"
#include "provider/provider.h"

namespace tokenbroker::provider {

// `x5t#S256` of the certificates that the client shows, as their files are now. Reads files.
// Errors: INTERNAL where none of them can be read.
absl::StatusOr<std::vector<std::string>> CertificateThumbprints(const Registration& registration);

// Whether an access token that is a JWT, which nothing here vouches for, says that it is bound to
// the client's certificate. What is no JWT says nothing, and passes, and so does a token of a
// client whose tokens are not bound. Reads files.
// Errors: PROVIDER_RESPONSE_INVALID with metadata `check` TOKEN_NOT_BOUND; those of
// CertificateThumbprints.
absl::Status CheckCertificateBinding(const Registration& registration, const Secret& access_token);

}  // namespace tokenbroker::provider
