// The answer to a pushed authorization request (RFC 9126 sections 2.2 and 2.3).
#pragma once

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "oauth/token_response.h"

namespace tokenbroker::oauth {

// What stands for the request from now on: the browser brings it to the authorization endpoint.
struct PushedAuthorization {
  std::string request_uri;
  absl::Duration lifetime;  // until when the browser must be there, counted from the answer
};

// Reads a 201 answer; `expires_in` is required, at least one second, and taken as one day at most.
// Any other answer becomes an error, by the table of ParseTokenResponse but for these:
//   an error that an authorization response may have as well (`invalid_request`, `invalid_scope`,
//   `invalid_request_object`, …) → PROVIDER_DENIED, as if it had come by the browser; 401, whatever
//   it says → PROVIDER_REJECTED_CLIENT; `invalid_grant`, which means nothing here →
//   PROVIDER_RESPONSE_INVALID.
absl::StatusOr<PushedAuthorization> ParsePushedAuthorization(const HttpAnswer& answer,
                                                             absl::Time now);

}  // namespace tokenbroker::oauth
