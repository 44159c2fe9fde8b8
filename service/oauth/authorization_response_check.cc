#include <algorithm>
#include <array>
#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/authorization_response.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

// RFC 6749 section 4.1.2.1, OIDC Core 3.1.2.6, RFC 8707 section 2, RFC 9449 section 10, OpenID
// Connect Core Unmet Authentication Requirements 1.0.
constexpr std::array<std::string_view, 19> kRegisteredErrors = {
    "access_denied",
    "account_selection_required",
    "consent_required",
    "interaction_required",
    "invalid_dpop_proof",
    "invalid_request",
    "invalid_request_object",
    "invalid_request_uri",
    "invalid_scope",
    "invalid_target",
    "login_required",
    "registration_not_supported",
    "request_not_supported",
    "request_uri_not_supported",
    "server_error",
    "temporarily_unavailable",
    "unauthorized_client",
    "unmet_authentication_requirements",
    "unsupported_response_type",
};

// The URI without query and fragment, in the one spelling that a browser gives it.
std::string AsBrowsersWrite(const UriParts& uri) {
  std::string text = absl::AsciiStrToLower({uri.scheme.data(), uri.scheme.size()}) + ":";
  const bool https = text == "https:";
  const bool http = text == "http:";
  if (uri.has_authority) {
    text += "//" + absl::AsciiStrToLower({uri.host.data(), uri.host.size()});
    if (!uri.port.empty() && !(https && uri.port == "443") && !(http && uri.port == "80")) {
      text += ':';
      text += uri.port;
    }
  }
  if ((https || http) && uri.path.empty()) return text + "/";
  text += uri.path;
  return text;
}

// For query and fragment. The redirect URI's own query must have come back, field by field (RFC
// 6749 section 3.1.2).
bool CameTo(const AuthorizationResponse& response, std::string_view redirect_uri) {
  const auto expected = SplitUri(redirect_uri);
  const auto actual = SplitUri(response.redirect_uri);
  if (!expected || !actual || expected->has_userinfo || actual->has_userinfo ||
      AsBrowsersWrite(*expected) != AsBrowsersWrite(*actual)) {
    return false;
  }
  std::string_view query = expected->query.value_or("");
  while (!query.empty()) {
    const std::string_view field = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(field.size() + 1, query.size()));
    if (!field.empty() && std::ranges::find(response.other_query_fields, field) ==
                              response.other_query_fields.end()) {
      return false;
    }
  }
  return true;
}

absl::Status CheckMode(const AuthorizationResponse& response,
                       const ExpectedAuthorizationResponse& expected) {
  const ResponseMode default_mode = IsJwtSecured(expected.response_mode)
                                        ? DefaultJwtMode(expected.response_type)
                                        : DefaultMode(expected.response_type);
  const bool error_by_default_mode = response.error && response.mode == default_mode;
  if (response.mode != expected.response_mode && !error_by_default_mode) {
    return Error(Reason::kResponseModeMismatch);
  }
  if (CarrierOf(response.mode) != ResponseMode::kFormPost &&
      !CameTo(response, expected.redirect_uri)) {
    return Error(Reason::kRedirectUriMismatch);
  }
  return absl::OkStatus();
}

// RFC 9207 section 2.4: plain string comparison. Providers that promise `iss` leave it out where an
// ID token comes along, oidc-provider for one: its `iss` says the same, and is checked before the
// code goes anywhere.
absl::Status CheckIssuer(const AuthorizationResponse& response,
                         const ExpectedAuthorizationResponse& expected) {
  if (!response.issuer) {
    return expected.issuer_parameter_required && !response.id_token ? Error(Reason::kIssuerMissing)
                                                                    : absl::OkStatus();
  }
  return *response.issuer == expected.issuer ? absl::OkStatus() : Error(Reason::kIssuerMismatch);
}

absl::Status Mismatch(std::string_view parameter) {
  return Error(Reason::kResponseParametersMismatch, {{"parameter", std::string(parameter)}});
}

absl::Status Denied(const std::string& error) {
  return Error(Reason::kProviderDenied, {{"error", IsAuthorizationError(error) ? error : "other"}});
}

// OIDC Core 3.3.2.5 and MRT sections 3 and 5: exactly what was asked for.
absl::Status CheckParameters(const AuthorizationResponse& response, ResponseType type) {
  if (!response.code) return Mismatch("code");
  if (response.id_token.has_value() != type.id_token) return Mismatch("id_token");
  if (response.access_token.has_value() != type.token) return Mismatch("access_token");
  if (!type.token) return absl::OkStatus();
  if (!response.token_type) return Mismatch("token_type");
  return absl::EqualsIgnoreCase(*response.token_type, "Bearer")
             ? absl::OkStatus()
             : Error(Reason::kTokenTypeUnsupported);
}

}  // namespace

bool IsAuthorizationError(std::string_view error) {
  return std::ranges::find(kRegisteredErrors, error) != kRegisteredErrors.end();
}

absl::Status CheckAuthorizationResponse(const AuthorizationResponse& response,
                                        const ExpectedAuthorizationResponse& expected) {
  RETURN_IF_ERROR(CheckMode(response, expected));
  RETURN_IF_ERROR(CheckIssuer(response, expected));
  if (response.response) return Mismatch("response");
  if (response.error) {
    if (response.code || response.id_token || response.access_token) {
      return ErrorWithMessage(Reason::kCallbackMalformed,
                              "The callback is an error and a success at once.");
    }
    return Denied(*response.error);
  }
  return CheckParameters(response, expected.response_type);
}

}  // namespace tokenbroker::oauth
