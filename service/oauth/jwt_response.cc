#include "oauth/jwt_response.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/claims.h"

namespace tokenbroker::oauth {
namespace {

// `exp` is required, `iat` is not: CheckLifetime is for tokens that must have both.
absl::Status CheckTimes(const Json& claims, absl::Duration clock_skew, absl::Time now) {
  ASSIGN_OR_RETURN(const absl::Time expires_at, RequireNumericDate(claims, "exp", now));
  if (expires_at <= now - clock_skew) return Error(Reason::kTokenExpired);
  ASSIGN_OR_RETURN(const auto issued_at, ReadNumericDate(claims, "iat", now));
  if (issued_at && *issued_at > now + clock_skew) return Error(Reason::kIssuedInFuture);
  ASSIGN_OR_RETURN(const auto not_before, ReadNumericDate(claims, "nbf", now));
  if (not_before && *not_before > now + clock_skew) return Error(Reason::kTokenNotYetValid);
  return absl::OkStatus();
}

absl::Status CheckEnds(const Json& claims, const ExpectedJwtResponse& expected) {
  if (expected.issuer.empty() || expected.client_id.empty()) {
    return ErrorWithMessage(Reason::kInternal, "A response was to be checked against nothing.");
  }
  ASSIGN_OR_RETURN(const std::string issuer, RequireString(claims, "iss"));
  if (issuer != expected.issuer) return Error(Reason::kIssuerMismatch);
  ASSIGN_OR_RETURN(const std::vector<std::string> audience, RequireAudience(claims));
  const bool for_us = !audience.empty() && std::ranges::all_of(audience, [&](const auto& member) {
    return member == expected.client_id;
  });
  return for_us ? absl::OkStatus() : Error(Reason::kAudienceMismatch);
}

absl::StatusOr<std::optional<Secret>> ReadSecret(const Json& claims, std::string_view name) {
  ASSIGN_OR_RETURN(std::optional<std::string> text, ReadString(claims, name));
  if (!text) return std::optional<Secret>();
  return std::optional(Secret::Take(*std::move(text)));
}

// A number in the JWT, a text in a form; what is neither is an unknown lifetime either way.
std::optional<std::string> LifetimeText(const Json& claims) {
  const auto found = claims.find("expires_in");
  if (found == claims.end()) return std::nullopt;
  if (found->is_string()) return found->get<std::string>();
  const bool is_count = found->is_number_integer() && found->get<std::int64_t>() >= 0;
  return is_count ? std::to_string(found->get<std::int64_t>()) : "";
}

}  // namespace

absl::StatusOr<AuthorizationResponse> OpenJwtResponse(AuthorizationResponse envelope,
                                                      const Json& claims,
                                                      const ExpectedJwtResponse& expected,
                                                      absl::Time now) {
  RETURN_IF_ERROR(CheckEnds(claims, expected));
  RETURN_IF_ERROR(CheckTimes(claims, expected.clock_skew, now));
  ASSIGN_OR_RETURN(const std::string state, RequireString(claims, "state"));
  if (!ConstantTimeEquals(state, envelope.state.Reveal())) return Error(Reason::kStateUnknown);

  AuthorizationResponse opened;
  opened.mode = envelope.mode;
  opened.redirect_uri = std::move(envelope.redirect_uri);
  opened.other_query_fields = std::move(envelope.other_query_fields);
  opened.state = std::move(envelope.state);
  opened.issuer = expected.issuer;
  ASSIGN_OR_RETURN(opened.code, ReadSecret(claims, "code"));
  ASSIGN_OR_RETURN(opened.id_token, ReadSecret(claims, "id_token"));
  ASSIGN_OR_RETURN(opened.access_token, ReadSecret(claims, "access_token"));
  ASSIGN_OR_RETURN(opened.token_type, ReadString(claims, "token_type"));
  ASSIGN_OR_RETURN(opened.error, ReadString(claims, "error"));
  opened.expires_in = LifetimeText(claims);
  return opened;
}

}  // namespace tokenbroker::oauth
