#include "oauth/claims.h"

#include <cstdint>

#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/form.h"

namespace tokenbroker::oauth {
namespace {

constexpr std::size_t kMaxSubjectBytes = 255;
constexpr absl::Duration kMaxAhead = absl::Hours(24 * 365 * 50);

const Json* Find(const Json& claims, std::string_view claim) {
  const auto found = claims.find(std::string(claim));
  return found == claims.end() ? nullptr : &*found;
}

bool IsText(const Json& value) {
  if (!value.is_string()) return false;
  const auto& text = value.get_ref<const std::string&>();
  return !text.empty() && !HasControlCharacter(text);
}

}  // namespace

std::optional<Json> PeekClaims(std::string_view compact) {
  const auto first = compact.find('.');
  const auto second = first == std::string_view::npos ? first : compact.find('.', first + 1);
  if (second == std::string_view::npos || compact.find('.', second + 1) != std::string_view::npos) {
    return std::nullopt;
  }
  const auto payload = Base64UrlDecode(compact.substr(first + 1, second - first - 1));
  if (!payload) return std::nullopt;
  auto claims = ParseJsonObject(*payload);
  if (!claims.ok()) return std::nullopt;
  return *std::move(claims);
}

absl::Status ClaimMissing(std::string_view claim) {
  return Error(Reason::kClaimMissing, {{"claim", std::string(claim)}});
}

absl::Status ClaimMalformed(std::string_view claim) {
  return Error(Reason::kClaimMalformed, {{"claim", std::string(claim)}});
}

absl::StatusOr<std::optional<std::string>> ReadString(const Json& claims, std::string_view claim) {
  const Json* const value = Find(claims, claim);
  if (value == nullptr) return std::optional<std::string>();
  if (!IsText(*value)) return ClaimMalformed(claim);
  return std::optional(value->get<std::string>());
}

absl::StatusOr<std::string> RequireString(const Json& claims, std::string_view claim) {
  ASSIGN_OR_RETURN(std::optional<std::string> value, ReadString(claims, claim));
  if (!value) return ClaimMissing(claim);
  return *std::move(value);
}

absl::StatusOr<std::string> RequireSubject(const Json& claims) {
  ASSIGN_OR_RETURN(std::string subject, RequireString(claims, "sub"));
  if (subject.size() > kMaxSubjectBytes) return ClaimMalformed("sub");
  return subject;
}

absl::StatusOr<std::optional<absl::Time>> ReadNumericDate(const Json& claims,
                                                          std::string_view claim, absl::Time now) {
  const Json* const value = Find(claims, claim);
  if (value == nullptr) return std::optional<absl::Time>();
  if (!value->is_number()) return ClaimMalformed(claim);
  // Compared as doubles, which cannot overflow; a comparison with NaN would be false.
  const double seconds = value->get<double>();
  if (!(seconds >= 0 && seconds <= absl::ToDoubleSeconds(now + kMaxAhead - absl::UnixEpoch()))) {
    return ClaimMalformed(claim);
  }
  if (value->is_number_integer()) {
    return std::optional(absl::FromUnixSeconds(value->get<std::int64_t>()));
  }
  return std::optional(absl::UnixEpoch() + absl::Seconds(seconds));
}

absl::StatusOr<absl::Time> RequireNumericDate(const Json& claims, std::string_view claim,
                                              absl::Time now) {
  ASSIGN_OR_RETURN(const std::optional<absl::Time> time, ReadNumericDate(claims, claim, now));
  if (!time) return ClaimMissing(claim);
  return *time;
}

absl::StatusOr<std::vector<std::string>> RequireAudience(const Json& claims) {
  const Json* const value = Find(claims, "aud");
  if (value == nullptr) return ClaimMissing("aud");
  if (IsText(*value)) return std::vector{value->get<std::string>()};
  if (!value->is_array()) return ClaimMalformed("aud");
  std::vector<std::string> audience;
  for (const Json& member : *value) {
    if (!IsText(member)) return ClaimMalformed("aud");
    audience.push_back(member.get<std::string>());
  }
  return audience;
}

absl::StatusOr<absl::Time> CheckLifetime(const Json& claims, absl::Duration clock_skew,
                                         absl::Time now) {
  ASSIGN_OR_RETURN(const absl::Time expires_at, RequireNumericDate(claims, "exp", now));
  if (expires_at <= now - clock_skew) return Error(Reason::kTokenExpired);
  ASSIGN_OR_RETURN(const absl::Time issued_at, RequireNumericDate(claims, "iat", now));
  if (issued_at > now + clock_skew) return Error(Reason::kIssuedInFuture);
  ASSIGN_OR_RETURN(const std::optional<absl::Time> not_before, ReadNumericDate(claims, "nbf", now));
  if (not_before && *not_before > now + clock_skew) return Error(Reason::kTokenNotYetValid);
  return issued_at;
}

}  // namespace tokenbroker::oauth
