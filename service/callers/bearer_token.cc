#include "callers/bearer_token.h"

#include <algorithm>
#include <cmath>

#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::callers {
namespace {

// RFC 6750 section 2.1: b64token.
bool IsTokenCharacter(char c) {
  return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') ||
         std::string_view("-._~+/=").find(c) != std::string_view::npos;
}

char LowerCase(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

absl::Status ClaimError(Reason reason, const char* claim) {
  return Error(reason, {{"claim", claim}});
}

absl::StatusOr<std::string> RequireText(const Json& claims, const char* claim) {
  const auto found = claims.find(claim);
  if (found == claims.end()) return ClaimError(Reason::kClaimMissing, claim);
  if (!found->is_string()) return ClaimError(Reason::kClaimMalformed, claim);
  auto text = found->get<std::string>();
  if (text.empty()) return ClaimError(Reason::kClaimMalformed, claim);
  return text;
}

// NumericDate (RFC 7519 section 2); nothing where the claim is absent.
absl::StatusOr<std::optional<absl::Time>> FindTime(const Json& claims, const char* claim) {
  const auto found = claims.find(claim);
  if (found == claims.end()) return std::nullopt;
  if (!found->is_number()) return ClaimError(Reason::kClaimMalformed, claim);
  const double seconds = found->get<double>();
  // Up to the year 9999; anything else is a mistake rather than a date.
  if (!(seconds >= 0 && seconds < 253402300800.0)) {
    return ClaimError(Reason::kClaimMalformed, claim);
  }
  return absl::UnixEpoch() + absl::Seconds(seconds);
}

absl::Status CheckAudience(const Json& claims, const std::string& audience) {
  const auto found = claims.find("aud");
  if (found == claims.end()) return ClaimError(Reason::kClaimMissing, "aud");
  if (found->is_string()) {
    return *found == audience ? absl::OkStatus() : Error(Reason::kAudienceMismatch);
  }
  if (!found->is_array() ||
      !std::ranges::all_of(*found, [](const Json& value) { return value.is_string(); })) {
    return ClaimError(Reason::kClaimMalformed, "aud");
  }
  const bool is_ours =
      std::ranges::any_of(*found, [&](const Json& value) { return value == audience; });
  return is_ours ? absl::OkStatus() : Error(Reason::kAudienceMismatch);
}

}  // namespace

std::optional<std::string_view> ParseBearer(std::string_view authorization) {
  constexpr std::string_view kScheme = "bearer ";
  if (authorization.size() <= kScheme.size()) return std::nullopt;
  const bool is_bearer =
      std::ranges::equal(authorization.substr(0, kScheme.size()), kScheme, {}, LowerCase);
  const std::string_view token = authorization.substr(kScheme.size());
  if (!is_bearer || !std::ranges::all_of(token, IsTokenCharacter)) return std::nullopt;
  return token;
}

std::optional<std::string> ParseUnverifiedIssuer(std::string_view token) {
  const auto first_dot = token.find('.');
  if (first_dot == token.npos) return std::nullopt;
  const auto second_dot = token.find('.', first_dot + 1);
  if (second_dot == token.npos) return std::nullopt;
  const auto payload = Base64UrlDecode(token.substr(first_dot + 1, second_dot - first_dot - 1));
  if (!payload) return std::nullopt;
  const auto claims = ParseJsonObject(*payload);
  if (!claims.ok()) return std::nullopt;
  auto issuer = RequireText(*claims, "iss");
  if (!issuer.ok()) return std::nullopt;
  return *std::move(issuer);
}

absl::StatusOr<BearerClaims> ValidateBearerClaims(const Json& claims, const JwtIssuer& issuer,
                                                  absl::Time now) {
  ASSIGN_OR_RETURN(std::string actual_issuer, RequireText(claims, "iss"));
  if (actual_issuer != issuer.issuer) return Error(Reason::kIssuerMismatch);
  RETURN_IF_ERROR(CheckAudience(claims, issuer.audience));
  ASSIGN_OR_RETURN(std::string subject, RequireText(claims, "sub"));

  ASSIGN_OR_RETURN(const auto expires_at, FindTime(claims, "exp"));
  if (!expires_at) return ClaimError(Reason::kClaimMissing, "exp");
  if (now >= *expires_at + kClockSkew) return Error(Reason::kTokenExpired);
  ASSIGN_OR_RETURN(const auto not_before, FindTime(claims, "nbf"));
  if (not_before && now < *not_before - kClockSkew) return Error(Reason::kTokenNotYetValid);
  ASSIGN_OR_RETURN(const auto issued_at, FindTime(claims, "iat"));
  if (issued_at && now < *issued_at - kClockSkew) return Error(Reason::kIssuedInFuture);

  return BearerClaims{.subject = {std::move(actual_issuer), std::move(subject)},
                      .expires_at = *expires_at};
}

}  // namespace tokenbroker::callers
