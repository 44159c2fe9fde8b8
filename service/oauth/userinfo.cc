#include "oauth/userinfo.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "oauth/claims.h"

namespace tokenbroker::oauth {
namespace {

absl::Status RefusalOf(const HttpAnswer& answer, absl::Time now) {
  // RFC 6750 section 3.1 puts the error into WWW-Authenticate; few providers repeat it in the body.
  std::string word = ReadErrorWord(answer.body);
  const ErrorMetadata status = {{"status", std::to_string(answer.status)}};
  if (answer.status == 401) {
    absl::Status error = ResponseInvalid("STATUS_UNEXPECTED", status);
    return WithMetadata(std::move(error), "error", word.empty() ? "invalid_token" : word);
  }
  if (answer.status == 403 && word.empty()) return Error(Reason::kProviderDenied, status);
  return AnswerError(answer, now);
}

}  // namespace

absl::StatusOr<Json> ParseUserInfo(const HttpAnswer& answer, std::string_view subject,
                                   absl::Time now) {
  if (answer.status != 200) return RefusalOf(answer, now);
  if (!IsJsonContentType(answer.content_type)) return ResponseInvalid("CONTENT_TYPE_UNSUPPORTED");
  auto claims = ParseJsonObject(answer.body);
  if (!claims.ok()) return ResponseInvalid("JSON_MALFORMED");
  const auto actual = RequireSubject(*claims);
  if (!actual.ok()) {
    const auto reason = ReasonOf(actual.status());
    return ResponseInvalid(Describe(reason.value_or(Reason::kClaimMalformed)).name,
                           {{"claim", "sub"}});
  }
  if (*actual != subject) return ResponseInvalid("SUBJECT_MISMATCH");
  return claims;
}

absl::StatusOr<Secret> ReadUserInfoJwt(const HttpAnswer& answer, absl::Time now) {
  if (answer.status != 200) return RefusalOf(answer, now);
  if (!IsContentType(answer.content_type, "application/jwt")) {
    return ResponseInvalid("CONTENT_TYPE_UNSUPPORTED");
  }
  return Secret(answer.body);
}

absl::Status CheckSignedUserInfo(const Json& claims, const ExpectedUserInfo& expected,
                                 absl::Time now) {
  ASSIGN_OR_RETURN(const std::string issuer, RequireString(claims, "iss"));
  if (issuer != expected.issuer) return Error(Reason::kIssuerMismatch);
  ASSIGN_OR_RETURN(const std::vector<std::string> audience, RequireAudience(claims));
  if (std::ranges::find(audience, expected.client_id) == audience.end()) {
    return Error(Reason::kAudienceMismatch);
  }
  ASSIGN_OR_RETURN(const std::string subject, RequireSubject(claims));
  if (subject != expected.subject) return Error(Reason::kSubjectMismatch);
  ASSIGN_OR_RETURN(const auto expires_at, ReadNumericDate(claims, "exp", now));
  if (expires_at && *expires_at <= now - expected.clock_skew) return Error(Reason::kTokenExpired);
  ASSIGN_OR_RETURN(const auto not_before, ReadNumericDate(claims, "nbf", now));
  if (not_before && *not_before > now + expected.clock_skew) {
    return Error(Reason::kTokenNotYetValid);
  }
  ASSIGN_OR_RETURN(const auto issued_at, ReadNumericDate(claims, "iat", now));
  if (issued_at && *issued_at > now + expected.clock_skew) return Error(Reason::kIssuedInFuture);
  return absl::OkStatus();
}

}  // namespace tokenbroker::oauth
