#include "oauth/token_exchange.h"

#include <string>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

absl::Status Refusal(const HttpAnswer& answer, absl::Time now) {
  const std::string word = ReadErrorWord(answer.body);
  const bool is_refusal = answer.status >= 400 && answer.status < 500 && answer.status != 429;
  const ErrorMetadata metadata = {{"status", std::to_string(answer.status)}, {"error", word}};
  if (is_refusal && (word == "invalid_grant" || word == "invalid_request")) {
    return Error(Reason::kProviderDenied, metadata);
  }
  if (is_refusal && word == "unsupported_grant_type") {
    return Error(Reason::kOperationNotSupported, metadata);
  }
  return AnswerError(answer, now);
}

absl::Status CheckIssuedType(const TokenResponse& response, std::string_view requested) {
  if (!response.issued_token_type) {
    return ResponseInvalid("MEMBER_MISSING", {{"member", "issued_token_type"}});
  }
  const std::string& issued = *response.issued_token_type;
  if (!SplitUri(issued)) {
    return ResponseInvalid("MEMBER_MALFORMED", {{"member", "issued_token_type"}});
  }
  if (issued == kRefreshTokenType || (!requested.empty() && issued != requested)) {
    return ResponseInvalid("ISSUED_TOKEN_TYPE_UNEXPECTED");
  }
  // Section 2.2.1: what is an access token has a type by which it is used.
  if (issued == kAccessTokenType && response.token_type == kNoTokenType) {
    return ResponseInvalid("TOKEN_TYPE_UNSUPPORTED");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<TokenResponse> ParseTokenExchangeResponse(const HttpAnswer& answer,
                                                         const TokenResponseRules& rules,
                                                         std::string_view requested_token_type,
                                                         absl::Time now) {
  if (answer.status != 200) return Refusal(answer, now);
  TokenResponseRules exchange_rules = rules;
  exchange_rules.may_be_no_access_token = true;
  ASSIGN_OR_RETURN(TokenResponse response, ParseTokenResponse(answer, exchange_rules, now));
  RETURN_IF_ERROR(CheckIssuedType(response, requested_token_type));
  return response;
}

}  // namespace tokenbroker::oauth
