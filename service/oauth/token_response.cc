#include "oauth/token_response.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <utility>

#include "absl/strings/match.h"
#include "base/error.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "oauth/claims.h"

namespace tokenbroker::oauth {
namespace {

constexpr JsonLimits kJsonLimits = {.max_bytes = std::size_t{4} << 20};
constexpr std::size_t kMaxTokenBytes = std::size_t{1} << 20;
constexpr std::int64_t kMaxLifetimeSeconds = std::int64_t{50} * 365 * 24 * 3600;
constexpr double kMaxExpirySeconds = 253402300799;  // the end of the year 9999

absl::Status MemberMissing(std::string_view member) {
  return ResponseInvalid("MEMBER_MISSING", {{"member", std::string(member)}});
}
absl::Status MemberMalformed(std::string_view member) {
  return ResponseInvalid("MEMBER_MALFORMED", {{"member", std::string(member)}});
}

// RFC 6749 appendix A.12 and A.17: VSCHAR.
bool IsToken(std::string_view text) {
  return !text.empty() && text.size() <= kMaxTokenBytes &&
         std::ranges::all_of(text, [](char c) { return c >= ' ' && c <= '~'; });
}

// Moves a token out of the document; the member must be there.
absl::StatusOr<Secret> TakeToken(Json& document, const char* member) {
  Json& value = document[member];
  if (!value.is_string() || !IsToken(value.get_ref<const std::string&>())) {
    return MemberMalformed(member);
  }
  return Secret::Take(std::move(value.get_ref<std::string&>()));
}

// RFC 6749 section 5.1 makes no refresh token an absent member; null and "" are what providers
// write instead.
bool HasRefreshToken(const Json& document) {
  const auto found = document.find("refresh_token");
  return found != document.end() && !found->is_null() && *found != "";
}

absl::StatusOr<std::string> ReadTokenType(const Json& document, const TokenResponseRules& rules,
                                          TokenType expected) {
  std::string name(TokenTypeName(expected));
  const auto found = document.find("token_type");
  if (found == document.end()) {
    if (rules.allow_missing_token_type && expected == TokenType::kBearer) return name;
    return MemberMissing("token_type");
  }
  if (!found->is_string()) return MemberMalformed("token_type");
  if (rules.may_be_no_access_token &&
      absl::EqualsIgnoreCase(found->get_ref<const std::string&>(), "N_A")) {
    return "N_A";
  }
  if (!absl::EqualsIgnoreCase(found->get_ref<const std::string&>(), name)) {
    return ResponseInvalid("TOKEN_TYPE_UNSUPPORTED");
  }
  return name;
}

// A number without its fraction, never below zero, or digits. Nothing where it is senseless.
std::optional<absl::Duration> ReadLifetime(const Json& document) {
  const auto found = document.find("expires_in");
  if (found == document.end()) return std::nullopt;
  if (found->is_string()) return ReadExpiresIn(found->get_ref<const std::string&>());
  if (!found->is_number()) return std::nullopt;
  const double seconds = std::floor(found->get<double>());
  if (!(seconds <= static_cast<double>(kMaxLifetimeSeconds))) return std::nullopt;
  return seconds <= 0 ? absl::ZeroDuration() : absl::Seconds(static_cast<std::int64_t>(seconds));
}

// Values between any number of spaces, since more than one is a common slip and means nothing.
absl::StatusOr<std::optional<Scopes>> ReadScopes(const Json& document) {
  const auto found = document.find("scope");
  if (found == document.end()) return std::optional<Scopes>();
  if (!found->is_string()) return MemberMalformed("scope");
  std::vector<std::string> values;
  std::string_view text = found->get_ref<const std::string&>();
  while (!text.empty()) {
    const std::string_view value = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(value.size() + 1, text.size()));
    if (!value.empty()) values.emplace_back(value);
  }
  auto scopes = Scopes::FromValues(values);
  if (!scopes.ok()) return MemberMalformed("scope");
  return std::optional(*std::move(scopes));
}

absl::StatusOr<Json> ParseDocument(const HttpAnswer& answer, const TokenResponseRules& rules) {
  if (!rules.allow_other_content_types && !IsJsonContentType(answer.content_type)) {
    return ResponseInvalid("CONTENT_TYPE_UNSUPPORTED");
  }
  auto document = ParseJsonObject(answer.body, kJsonLimits);
  if (!document.ok()) return ResponseInvalid("JSON_MALFORMED");
  if (document->contains("error")) {
    ErrorMetadata metadata;
    if (std::string word = ReadErrorWord(answer.body); !word.empty()) {
      metadata.emplace("error", std::move(word));
    }
    return ResponseInvalid("ERROR_IN_SUCCESS", std::move(metadata));
  }
  return document;
}

}  // namespace

std::string_view TokenTypeName(TokenType type) {
  return type == TokenType::kDpop ? "DPoP" : "Bearer";
}

absl::StatusOr<TokenResponse> ParseTokenResponse(const HttpAnswer& answer,
                                                 const TokenResponseRules& rules, absl::Time now,
                                                 TokenType expected) {
  if (answer.status != 200) return AnswerError(answer, now);
  ASSIGN_OR_RETURN(Json document, ParseDocument(answer, rules));
  TokenResponse response;
  if (!document.contains("access_token")) return MemberMissing("access_token");
  ASSIGN_OR_RETURN(response.access_token, TakeToken(document, "access_token"));
  ASSIGN_OR_RETURN(response.token_type, ReadTokenType(document, rules, expected));
  response.lifetime = ReadLifetime(document);
  if (HasRefreshToken(document)) {
    ASSIGN_OR_RETURN(response.refresh_token, TakeToken(document, "refresh_token"));
  }
  if (document.contains("id_token")) {
    ASSIGN_OR_RETURN(response.id_token, TakeToken(document, "id_token"));
  }
  ASSIGN_OR_RETURN(response.scopes, ReadScopes(document));
  if (const auto type = document.find("issued_token_type"); type != document.end()) {
    if (!type->is_string()) return MemberMalformed("issued_token_type");
    response.issued_token_type = type->get<std::string>();
  }
  return response;
}

std::optional<Secret> SalvageRefreshToken(const HttpAnswer& answer) {
  if (answer.status < 200 || answer.status >= 300) return std::nullopt;
  auto document = ParseDocument(answer, {.allow_other_content_types = true});
  if (!document.ok() || !HasRefreshToken(*document)) return std::nullopt;
  auto token = TakeToken(*document, "refresh_token");
  if (!token.ok()) return std::nullopt;
  return *std::move(token);
}

absl::Status CheckEmptyAnswer(const HttpAnswer& answer, absl::Time now) {
  if (answer.status == 200 || answer.status == 204) return absl::OkStatus();
  return AnswerError(answer, now);
}

std::optional<absl::Duration> ReadExpiresIn(std::string_view text) {
  const bool digits = std::ranges::all_of(text, [](char c) { return c >= '0' && c <= '9'; });
  if (text.empty() || text.size() > 10 || !digits) return std::nullopt;
  const std::int64_t seconds = std::stoll(std::string(text));
  if (seconds > kMaxLifetimeSeconds) return std::nullopt;
  return absl::Seconds(seconds);
}

std::optional<absl::Time> PeekExpiry(const Secret& access_token) {
  const auto claims = PeekClaims(access_token.Reveal());
  if (!claims) return std::nullopt;
  const auto found = claims->find("exp");
  if (found == claims->end() || !found->is_number()) return std::nullopt;
  const double seconds = std::floor(found->get<double>());
  if (!(seconds > 0 && seconds <= kMaxExpirySeconds)) return std::nullopt;
  return absl::FromUnixSeconds(static_cast<std::int64_t>(seconds));
}

}  // namespace tokenbroker::oauth
