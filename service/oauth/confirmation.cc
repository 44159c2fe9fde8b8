#include "oauth/confirmation.h"

#include <algorithm>

#include "oauth/answer_error.h"

namespace tokenbroker::oauth {
namespace {

absl::Status NotBound() { return ResponseInvalid("TOKEN_NOT_BOUND"); }

}  // namespace

absl::Status CheckCertificateConfirmation(const Json& claims,
                                          const std::vector<std::string>& thumbprints) {
  const auto confirmation = claims.find("cnf");
  if (confirmation == claims.end() || !confirmation->is_object()) return NotBound();
  const auto thumbprint = confirmation->find("x5t#S256");
  if (thumbprint == confirmation->end() || !thumbprint->is_string()) return NotBound();
  const bool is_ours = std::ranges::find(thumbprints, thumbprint->get_ref<const std::string&>()) !=
                       thumbprints.end();
  return is_ours ? absl::OkStatus() : NotBound();
}

absl::Status CheckKeyConfirmation(const Json& claims, const std::string& thumbprint) {
  const auto confirmation = claims.find("cnf");
  if (confirmation == claims.end()) return absl::OkStatus();
  if (!confirmation->is_object()) return NotBound();
  const auto named = confirmation->find("jkt");
  if (named == confirmation->end()) return absl::OkStatus();
  return *named == thumbprint ? absl::OkStatus() : NotBound();
}

}  // namespace tokenbroker::oauth
