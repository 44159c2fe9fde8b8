// The UserInfo response (OIDC Core 5.3).
#pragma once

#include <string_view>

#include "absl/status/statusor.h"
#include "base/json.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// Reads a JSON UserInfo response and checks that it speaks of `subject`.
// Errors: PROVIDER_RESPONSE_INVALID with metadata `check`: SUBJECT_MISMATCH, CLAIM_MISSING, … ;
// 401 → PROVIDER_RESPONSE_INVALID with metadata `error` = invalid_token; 403, 429, 5xx as
// ParseTokenResponse does.
absl::StatusOr<Json> ParseUserInfo(const HttpAnswer& answer, std::string_view subject,
                                   absl::Time now);

}  // namespace tokenbroker::oauth
