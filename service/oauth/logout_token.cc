#include "oauth/logout_token.h"

#include <algorithm>
#include <vector>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/claims.h"

namespace tokenbroker::oauth {
namespace {

constexpr char kEvent[] = "http://schemas.openid.net/event/backchannel-logout";
// Far above what any provider uses; what is longer is not worth remembering.
constexpr std::size_t kMaxTokenIdBytes = 1024;

// Expectations that are lost may not switch a check off.
absl::Status RequireExpectation(const ExpectedLogoutToken& expected) {
  if (!expected.issuer.empty() && !expected.client_id.empty()) return absl::OkStatus();
  return ErrorWithMessage(Reason::kInternal, "A logout token was to be checked against nothing.");
}

// Section 2.4: an object with this member, which is an object itself.
absl::Status CheckEvents(const Json& claims) {
  const auto events = claims.find("events");
  if (events == claims.end()) return ClaimMissing("events");
  if (!events->is_object()) return ClaimMalformed("events");
  const auto event = events->find(kEvent);
  return event != events->end() && event->is_object() ? absl::OkStatus() : ClaimMalformed("events");
}

absl::Status CheckAudience(const Json& claims, const std::string& client_id) {
  ASSIGN_OR_RETURN(const std::vector<std::string> audience, RequireAudience(claims));
  const bool is_ours = !audience.empty() && std::ranges::all_of(audience, [&](const auto& member) {
    return member == client_id;
  });
  return is_ours ? absl::OkStatus() : Error(Reason::kAudienceMismatch);
}

// Checks every time in it. Returns when it stops being valid.
absl::StatusOr<absl::Time> CheckTimes(const Json& claims, const ExpectedLogoutToken& expected,
                                      absl::Time now) {
  Json timed = claims;
  if (!expected.expiry_required && !claims.contains("exp")) {
    ASSIGN_OR_RETURN(const absl::Time issued_at, RequireNumericDate(claims, "iat", now));
    timed["exp"] = absl::ToUnixSeconds(issued_at + kMaxLogoutTokenAge);
  }
  ASSIGN_OR_RETURN(const absl::Time issued_at, CheckLifetime(timed, expected.clock_skew, now));
  const absl::Time too_old = issued_at + kMaxLogoutTokenAge + expected.clock_skew;
  if (now >= too_old) return Error(Reason::kIssuedTooLongAgo);
  ASSIGN_OR_RETURN(const absl::Time expires_at, RequireNumericDate(timed, "exp", now));
  return std::min(too_old, expires_at + expected.clock_skew);
}

}  // namespace

absl::StatusOr<LogoutToken> ValidateLogoutToken(const Json& claims,
                                                const ExpectedLogoutToken& expected,
                                                absl::Time now) {
  RETURN_IF_ERROR(RequireExpectation(expected));
  ASSIGN_OR_RETURN(const std::string issuer, RequireString(claims, "iss"));
  if (issuer != expected.issuer) return Error(Reason::kIssuerMismatch);
  RETURN_IF_ERROR(CheckAudience(claims, expected.client_id));
  RETURN_IF_ERROR(CheckEvents(claims));
  if (claims.contains("nonce")) return ClaimMalformed("nonce");
  LogoutToken token;
  ASSIGN_OR_RETURN(token.valid_until, CheckTimes(claims, expected, now));
  ASSIGN_OR_RETURN(token.token_id, RequireString(claims, "jti"));
  if (token.token_id.size() > kMaxTokenIdBytes) return ClaimMalformed("jti");
  ASSIGN_OR_RETURN(token.session_id, ReadString(claims, "sid"));
  if (claims.contains("sub")) {
    ASSIGN_OR_RETURN(token.subject, RequireSubject(claims));
  } else if (!token.session_id) {
    return ClaimMissing("sub");
  }
  return token;
}

}  // namespace tokenbroker::oauth
