#include "oauth/introspection.h"

#include <optional>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "oauth/claims.h"
#include "oauth/confirmation.h"

namespace tokenbroker::oauth {
namespace {

absl::Status CheckActive(const Json& answer) {
  const auto active = answer.find("active");
  if (active == answer.end()) return ClaimMissing("active");
  if (!active->is_boolean()) return ClaimMalformed("active");
  return active->get<bool>() ? absl::OkStatus() : ResponseInvalid("TOKEN_INACTIVE");
}

absl::Status CheckMember(const Json& answer, std::string_view member, const std::string& expected,
                         std::string_view mismatch) {
  ASSIGN_OR_RETURN(const std::optional<std::string> value, ReadString(answer, member));
  return !value || *value == expected ? absl::OkStatus() : ResponseInvalid(mismatch);
}

absl::Status CheckMembers(const Json& answer, const ExpectedToken& expected, absl::Time now) {
  RETURN_IF_ERROR(CheckActive(answer));
  RETURN_IF_ERROR(CheckMember(answer, "iss", expected.issuer, "ISSUER_MISMATCH"));
  RETURN_IF_ERROR(CheckMember(answer, "client_id", expected.client_id, "CLIENT_MISMATCH"));
  RETURN_IF_ERROR(CheckMember(answer, "sub", expected.subject, "SUBJECT_MISMATCH"));
  ASSIGN_OR_RETURN(const std::optional<absl::Time> expires_at, ReadNumericDate(answer, "exp", now));
  if (expires_at && *expires_at <= now) return ResponseInvalid("TOKEN_EXPIRED");
  if (!expected.certificates) return absl::OkStatus();
  return CheckCertificateConfirmation(answer, *expected.certificates);
}

// The words that end a grant or deny a user something mean neither here: the request was the
// broker's own.
absl::Status Refusal(const HttpAnswer& answer, absl::Time now) {
  absl::Status error = AnswerError(answer, now);
  const bool is_of_a_grant = HasReason(error, Reason::kReauthorizationRequired) ||
                             HasReason(error, Reason::kProviderDenied);
  return is_of_a_grant ? ResponseInvalid("ERROR_UNEXPECTED", MetadataOf(error)) : error;
}

}  // namespace

absl::Status CheckIntrospection(const HttpAnswer& answer, const ExpectedToken& expected,
                                absl::Time now) {
  if (answer.status != 200) return Refusal(answer, now);
  if (!IsJsonContentType(answer.content_type)) return ResponseInvalid("CONTENT_TYPE_UNSUPPORTED");
  const auto json = ParseJsonObject(answer.body);
  if (!json.ok()) return ResponseInvalid("JSON_MALFORMED");
  absl::Status checked = CheckMembers(*json, expected, now);
  const auto reason = ReasonOf(checked);
  if (checked.ok() || reason == Reason::kProviderResponseInvalid) return checked;
  return ResponseInvalid(Describe(reason.value_or(Reason::kClaimMalformed)).name,
                         MetadataOf(checked));
}

}  // namespace tokenbroker::oauth
