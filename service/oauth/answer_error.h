// What an HTTP answer other than success means: one table for every endpoint of a provider.
#pragma once

#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "base/error.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// The error that an unsuccessful `answer` stands for, by the table of ParseTokenResponse.
absl::Status AnswerError(const HttpAnswer& answer, absl::Time now);

// PROVIDER_RESPONSE_INVALID with metadata `check` and more.
absl::Status ResponseInvalid(std::string_view check, ErrorMetadata metadata = {});

// Whether a Content-Type header says `type` (in lower case), whatever its parameters.
bool IsContentType(std::string_view content_type, std::string_view type);
// The same for `application/json`.
bool IsJsonContentType(std::string_view content_type);

// The `error` of a JSON body where it matches [a-z_]{1,64}, else "".
std::string ReadErrorWord(std::string_view body);

}  // namespace tokenbroker::oauth
