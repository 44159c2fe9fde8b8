// The answer to a token exchange (RFC 8693 section 2.2).
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// RFC 8693 section 3.
inline constexpr std::string_view kAccessTokenType =
    "urn:ietf:params:oauth:token-type:access_token";
inline constexpr std::string_view kRefreshTokenType =
    "urn:ietf:params:oauth:token-type:refresh_token";

// `token_type` of what is no access token.
inline constexpr std::string_view kNoTokenType = "N_A";

// Reads a 200 answer, which has an issued_token_type: `requested_token_type` where that is not
// empty, and never a refresh token. Every other answer is an error by the table of
// ParseTokenResponse, except that here invalid_grant and invalid_request, by which a provider
// refuses one of the tokens that it was shown, are PROVIDER_DENIED.
// Errors besides: PROVIDER_RESPONSE_INVALID, metadata `check` ISSUED_TOKEN_TYPE_UNEXPECTED.
absl::StatusOr<TokenResponse> ParseTokenExchangeResponse(const HttpAnswer& answer,
                                                         const TokenResponseRules& rules,
                                                         std::string_view requested_token_type,
                                                         absl::Time now);

}  // namespace tokenbroker::oauth
