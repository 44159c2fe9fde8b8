// The logout request that the browser carries to the provider (OpenID Connect RP-Initiated Logout
// 1.0 section 2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "base/secret.h"

namespace tokenbroker::oauth {

struct LogoutRequest {
  const Secret* id_token_hint = nullptr;  // borrowed for the call; null: the user is asked
  std::string client_id;
  std::optional<std::string> post_logout_redirect_uri;
  std::optional<std::string> state;
};

// The URL to send the browser to. It holds the ID token.
// Errors: PROVIDER_MISCONFIGURED, metadata `member`, where `end_session_endpoint` is no URL of a
// web page. Pure and thread-safe.
absl::StatusOr<Secret> BuildLogoutUrl(std::string_view end_session_endpoint,
                                      const LogoutRequest& request);

}  // namespace tokenbroker::oauth
