#include "oauth/pushed_authorization.h"

#include <algorithm>
#include <cstdint>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "oauth/authorization_response.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

// It goes into a URL of its own.
constexpr std::size_t kMaxRequestUri = 4096;
constexpr std::int64_t kMaxSeconds = 24 * 60 * 60;

absl::Status MemberFault(std::string_view check, std::string_view member) {
  return ResponseInvalid(check, {{"member", std::string(member)}});
}

absl::StatusOr<std::string> ReadRequestUri(const Json& body) {
  const auto found = body.find("request_uri");
  if (found == body.end()) return MemberFault("MEMBER_MISSING", "request_uri");
  if (!found->is_string()) return MemberFault("MEMBER_MALFORMED", "request_uri");
  const auto& uri = found->get_ref<const std::string&>();
  if (uri.size() > kMaxRequestUri || !SplitUri(uri)) {
    return MemberFault("MEMBER_MALFORMED", "request_uri");
  }
  return uri;
}

absl::StatusOr<absl::Duration> ReadLifetime(const Json& body) {
  const auto found = body.find("expires_in");
  if (found == body.end()) return MemberFault("MEMBER_MISSING", "expires_in");
  if (!found->is_number()) return MemberFault("MEMBER_MALFORMED", "expires_in");
  // Compared as doubles, which cannot overflow.
  const double seconds = found->get<double>();
  if (!(seconds >= 1)) return MemberFault("MEMBER_MALFORMED", "expires_in");
  return absl::Seconds(std::min(seconds, static_cast<double>(kMaxSeconds)));
}

absl::Status Refused(const HttpAnswer& answer, absl::Time now) {
  const absl::Status status = AnswerError(answer, now);
  const ErrorMetadata metadata = MetadataOf(status);
  if (answer.status == 401) return Error(Reason::kProviderRejectedClient, metadata);
  if (HasReason(status, Reason::kReauthorizationRequired)) {
    return ResponseInvalid("ERROR_UNEXPECTED", metadata);
  }
  const auto error = metadata.find("error");
  if (HasReason(status, Reason::kProviderResponseInvalid) && error != metadata.end() &&
      IsAuthorizationError(error->second)) {
    return ErrorWithMessage(Reason::kProviderDenied,
                            "The provider refused the pushed authorization request.",
                            {{"error", error->second}, {"status", metadata.at("status")}});
  }
  return status;
}

}  // namespace

absl::StatusOr<PushedAuthorization> ParsePushedAuthorization(const HttpAnswer& answer,
                                                             absl::Time now) {
  if (answer.status != 201) return Refused(answer, now);
  if (!IsJsonContentType(answer.content_type)) return ResponseInvalid("CONTENT_TYPE_UNSUPPORTED");
  const auto body = ParseJsonObject(answer.body);
  if (!body.ok()) return ResponseInvalid("JSON_MALFORMED");
  PushedAuthorization pushed;
  ASSIGN_OR_RETURN(pushed.request_uri, ReadRequestUri(*body));
  ASSIGN_OR_RETURN(pushed.lifetime, ReadLifetime(*body));
  return pushed;
}

}  // namespace tokenbroker::oauth
