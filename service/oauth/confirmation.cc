#include "oauth/confirmation.h"

#include <algorithm>

#include "oauth/answer_error.h"

namespace tokenbroker::oauth {

absl::Status CheckCertificateConfirmation(const Json& claims,
                                          const std::vector<std::string>& thumbprints) {
  const auto unbound = [] { return ResponseInvalid("TOKEN_NOT_BOUND"); };
  const auto confirmation = claims.find("cnf");
  if (confirmation == claims.end() || !confirmation->is_object()) return unbound();
  const auto thumbprint = confirmation->find("x5t#S256");
  if (thumbprint == confirmation->end() || !thumbprint->is_string()) return unbound();
  const bool is_ours = std::ranges::find(thumbprints, thumbprint->get_ref<const std::string&>()) !=
                       thumbprints.end();
  return is_ours ? absl::OkStatus() : unbound();
}

}  // namespace tokenbroker::oauth
