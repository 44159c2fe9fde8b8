#include "oauth/answer_error.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "base/json.h"

namespace tokenbroker::oauth {
namespace {

// Where a provider asks for patience without saying how much.
constexpr absl::Duration kRetryAfterLimit = absl::Seconds(5);
constexpr absl::Duration kRetryAfterFailure = absl::Seconds(1);

// RFC 6749 section 5.2, OIDC Core 3.1.2.6, RFC 8707 section 2, RFC 7009 section 2.2.1, RFC 6750
// section 3.1; `mfa_required` is Auth0's.
constexpr std::array<std::pair<std::string_view, Reason>, 16> kReasons = {{
    {"access_denied", Reason::kProviderDenied},
    {"account_selection_required", Reason::kProviderDenied},
    {"consent_required", Reason::kProviderDenied},
    {"insufficient_scope", Reason::kProviderDenied},
    {"interaction_required", Reason::kProviderDenied},
    {"invalid_client", Reason::kProviderRejectedClient},
    {"invalid_grant", Reason::kReauthorizationRequired},
    {"invalid_scope", Reason::kProviderDenied},
    {"invalid_target", Reason::kProviderDenied},
    {"login_required", Reason::kProviderDenied},
    {"mfa_required", Reason::kProviderDenied},
    {"server_error", Reason::kProviderUnavailable},
    {"temporarily_unavailable", Reason::kProviderUnavailable},
    {"unauthorized_client", Reason::kProviderRejectedClient},
    {"unmet_authentication_requirements", Reason::kProviderDenied},
    {"unsupported_token_type", Reason::kOperationNotSupported},
}};

struct ErrorBody {
  bool is_json = false;
  std::string word;
  bool speaks_of_limit = false;
};

bool IsErrorWord(std::string_view text) {
  return !text.empty() && text.size() <= 64 &&
         std::ranges::all_of(text, [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
}

ErrorBody ReadErrorBody(std::string_view body) {
  ErrorBody read;
  const auto json = ParseJsonObject(body);
  if (!json.ok()) return read;
  read.is_json = true;
  if (const auto error = json->find("error"); error != json->end() && error->is_string()) {
    const auto& word = error->get_ref<const std::string&>();
    if (IsErrorWord(word)) read.word = word;
  }
  if (const auto description = json->find("error_description");
      description != json->end() && description->is_string()) {
    read.speaks_of_limit = absl::StrContains(
        absl::AsciiStrToLower(description->get_ref<const std::string&>()), "limit");
  }
  return read;
}

absl::Status WithAdvice(Reason reason, const HttpAnswer& answer, absl::Time now,
                        const ErrorMetadata& metadata) {
  const absl::Duration fallback =
      reason == Reason::kProviderRateLimited ? kRetryAfterLimit : kRetryAfterFailure;
  const auto told = answer.retry_after ? ParseRetryAfter(*answer.retry_after, now) : std::nullopt;
  return WithRetryAfter(Error(reason, metadata), told.value_or(fallback));
}

}  // namespace

absl::Status AnswerError(const HttpAnswer& answer, absl::Time now) {
  const ErrorBody body = answer.status >= 400 ? ReadErrorBody(answer.body) : ErrorBody();
  ErrorMetadata metadata = {{"status", std::to_string(answer.status)}};
  if (!body.word.empty()) metadata.emplace("error", body.word);

  // Auth0 answers its global limit with 500 `access_denied` (community.auth0.com/t/77440).
  const bool hidden_limit =
      answer.status == 500 && body.word == "access_denied" && body.speaks_of_limit;
  if (answer.status == 429 || hidden_limit) {
    return WithAdvice(Reason::kProviderRateLimited, answer, now, metadata);
  }
  if (answer.status >= 500) return WithAdvice(Reason::kProviderUnavailable, answer, now, metadata);
  if (answer.status < 400) return ResponseInvalid("STATUS_UNEXPECTED", std::move(metadata));
  for (const auto& [word, reason] : kReasons) {
    if (word != body.word) continue;
    if (reason == Reason::kProviderUnavailable) return WithAdvice(reason, answer, now, metadata);
    return Error(reason, metadata);
  }
  return ResponseInvalid(body.is_json ? "ERROR_UNEXPECTED" : "JSON_MALFORMED", std::move(metadata));
}

absl::Status ResponseInvalid(std::string_view check, ErrorMetadata metadata) {
  metadata.emplace("check", std::string(check));
  return Error(Reason::kProviderResponseInvalid, metadata);
}

bool IsContentType(std::string_view content_type, std::string_view type) {
  std::string actual(content_type.substr(0, content_type.find(';')));
  absl::StripAsciiWhitespace(&actual);
  absl::AsciiStrToLower(&actual);
  return actual == type;
}

bool IsJsonContentType(std::string_view content_type) {
  return IsContentType(content_type, "application/json");
}

std::string ReadErrorWord(std::string_view body) { return ReadErrorBody(body).word; }

}  // namespace tokenbroker::oauth
