#include "provider/certificate_binding.h"

#include <utility>

#include "base/error.h"
#include "base/file.h"
#include "base/status_macros.h"
#include "net/certificate.h"
#include "oauth/claims.h"
#include "oauth/confirmation.h"
#include "provider/endpoint.h"

namespace tokenbroker::provider {

absl::StatusOr<std::vector<std::string>> CertificateThumbprints(const Registration& registration) {
  std::vector<std::string> thumbprints;
  for (const oauth::ClientAuthentication& authentication : registration.authentications) {
    const auto certificate = CertificateOf(authentication);
    if (!certificate) continue;
    const auto pem = ReadFile(certificate->certificate_file, kMaxNamedFileBytes);
    if (!pem.ok()) continue;
    auto thumbprint = CertificateThumbprint(*pem);
    if (thumbprint.ok()) thumbprints.push_back(*std::move(thumbprint));
  }
  if (thumbprints.empty()) {
    return ErrorWithMessage(Reason::kInternal, "No certificate of the client can be read.");
  }
  return thumbprints;
}

absl::Status CheckCertificateBinding(const Registration& registration, const Secret& access_token) {
  if (!registration.certificate_bound_access_tokens) return absl::OkStatus();
  const auto claims = oauth::PeekClaims(access_token.Reveal());
  if (!claims) return absl::OkStatus();
  ASSIGN_OR_RETURN(const auto thumbprints, CertificateThumbprints(registration));
  return oauth::CheckCertificateConfirmation(*claims, thumbprints);
}

}  // namespace tokenbroker::provider
