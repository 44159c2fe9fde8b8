#include "oauth/authorization_response.h"

#include <algorithm>
#include <array>
#include <set>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/claims.h"
#include "oauth/form.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

constexpr std::size_t kMaxBytes = std::size_t{1} << 20;

// Where each parameter goes; those that are only known go nowhere.
struct SecretParameter {
  std::string_view name;
  std::optional<Secret> AuthorizationResponse::* member;
};
struct TextParameter {
  std::string_view name;
  std::optional<std::string> AuthorizationResponse::* member;
};
constexpr std::array<SecretParameter, 4> kSecrets = {{
    {"access_token", &AuthorizationResponse::access_token},
    {"code", &AuthorizationResponse::code},
    {"id_token", &AuthorizationResponse::id_token},
    {"response", &AuthorizationResponse::response},
}};
constexpr std::array<TextParameter, 4> kTexts = {{
    {"error", &AuthorizationResponse::error},
    {"expires_in", &AuthorizationResponse::expires_in},
    {"iss", &AuthorizationResponse::issuer},
    {"token_type", &AuthorizationResponse::token_type},
}};
constexpr std::array<std::string_view, 4> kOnlyKnown = {"error_description", "error_uri", "scope",
                                                        "session_state"};

ResponseMode AsJwt(ResponseMode carrier) {
  switch (carrier) {
    case ResponseMode::kQuery:
      return ResponseMode::kQueryJwt;
    case ResponseMode::kFragment:
      return ResponseMode::kFragmentJwt;
    default:
      return ResponseMode::kFormPostJwt;
  }
}

absl::Status Malformed(std::string_view message) {
  return ErrorWithMessage(Reason::kCallbackMalformed, message);
}

// Puts one field that has a value where it belongs. Whether it came before is checked already.
absl::Status Take(FormField field, AuthorizationResponse& response) {
  if (std::ranges::find(kOnlyKnown, field.name) != kOnlyKnown.end()) return absl::OkStatus();
  if (HasControlCharacter(field.value.Reveal())) {
    return Malformed("The callback has a control character.");
  }
  if (field.name == "state") response.state = std::move(field.value);
  for (const auto& [name, member] : kSecrets) {
    if (name == field.name) response.*member = std::move(field.value);
  }
  for (const auto& [name, member] : kTexts) {
    if (name == field.name) response.*member = std::string(field.value.Reveal());
  }
  return absl::OkStatus();
}

// JARM section 2.3: `response` stands alone. What it says is not believed yet, but says which
// request it claims to answer.
absl::Status TakeJwt(AuthorizationResponse& response) {
  const bool has_secrets = std::ranges::any_of(kSecrets, [&](const SecretParameter& parameter) {
    return parameter.name != "response" && (response.*parameter.member).has_value();
  });
  const bool has_texts = std::ranges::any_of(kTexts, [&](const TextParameter& parameter) {
    return (response.*parameter.member).has_value();
  });
  if (has_secrets || has_texts || !response.state.empty()) {
    return Error(Reason::kResponseParametersMismatch, {{"parameter", "response"}});
  }
  const auto claims = PeekClaims(response.response->Reveal());
  if (!claims) return Error(Reason::kJwtMalformed);
  const auto state = ReadString(*claims, "state");
  if (!state.ok() || !*state) return Error(Reason::kStateUnknown);
  response.state = Secret(**state);
  response.mode = AsJwt(response.mode);
  return absl::OkStatus();
}

absl::Status TakeAll(std::vector<FormField> fields, AuthorizationResponse& response) {
  std::set<std::string> seen;
  for (FormField& field : fields) {
    if (!IsAuthorizationResponseParameter(field.name)) continue;
    if (!seen.insert(field.name).second) {
      return Error(Reason::kDuplicateParameter, {{"parameter", field.name}});
    }
    if (!field.value.empty()) {
      RETURN_IF_ERROR(Take(std::move(field), response));
    }
  }
  if (response.response) return TakeJwt(response);
  return response.state.empty() ? Error(Reason::kStateUnknown) : absl::OkStatus();
}

bool HasResponseParameter(const std::vector<FormField>& fields) {
  return std::ranges::any_of(
      fields, [](const FormField& field) { return IsAuthorizationResponseParameter(field.name); });
}

// The fields as they are written whose names no response has. `query` has parsed as a form.
std::vector<std::string> OtherFields(std::string_view query) {
  std::vector<std::string> others;
  while (!query.empty()) {
    const std::string_view text = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(text.size() + 1, query.size()));
    const auto name = ParseForm(text.substr(0, text.find('=')));
    if (name.ok() && !name->empty() && !HasResponseParameter(*name)) others.emplace_back(text);
  }
  return others;
}

}  // namespace

bool IsAuthorizationResponseParameter(std::string_view name) {
  const auto is_name = [name](const auto& parameter) { return parameter.name == name; };
  return name == "state" || std::ranges::any_of(kSecrets, is_name) ||
         std::ranges::any_of(kTexts, is_name) ||
         std::ranges::find(kOnlyKnown, name) != kOnlyKnown.end();
}

absl::StatusOr<AuthorizationResponse> ParseFormPost(std::string_view body) {
  ASSIGN_OR_RETURN(std::vector<FormField> fields, ParseForm(body, {.max_bytes = kMaxBytes}));
  if (fields.empty()) return Malformed("The callback is empty.");
  AuthorizationResponse response;
  response.mode = ResponseMode::kFormPost;
  RETURN_IF_ERROR(TakeAll(std::move(fields), response));
  return response;
}

absl::StatusOr<AuthorizationResponse> ParseRedirectUrl(std::string_view url) {
  if (url.size() > kMaxBytes) return Error(Reason::kCallbackTooLarge);
  const std::string_view before_fragment = url.substr(0, url.find('#'));
  const std::string_view base = before_fragment.substr(0, before_fragment.find('?'));
  // What stands after the mark, or nothing.
  const std::string_view query =
      before_fragment.substr(std::min(base.size() + 1, before_fragment.size()));
  const std::string_view fragment = url.substr(std::min(before_fragment.size() + 1, url.size()));
  if (!SplitUri(base)) return Malformed("The callback is not an absolute URI.");

  ASSIGN_OR_RETURN(std::vector<FormField> in_query, ParseForm(query));
  ASSIGN_OR_RETURN(std::vector<FormField> in_fragment, ParseForm(fragment));
  if (in_query.empty() && in_fragment.empty()) return Malformed("The callback is empty.");
  const bool by_fragment = HasResponseParameter(in_fragment);
  if (by_fragment && HasResponseParameter(in_query)) {
    return Malformed("The callback has response parameters both in the query and the fragment.");
  }
  AuthorizationResponse response;
  response.mode = by_fragment ? ResponseMode::kFragment : ResponseMode::kQuery;
  response.redirect_uri = base;
  response.other_query_fields = OtherFields(query);
  RETURN_IF_ERROR(TakeAll(std::move(by_fragment ? in_fragment : in_query), response));
  return response;
}

}  // namespace tokenbroker::oauth
