#include "oauth/authorization_request.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>
#include <set>

#include "absl/strings/ascii.h"
#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/authorization_response.h"
#include "oauth/form.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

// Set from the fields of AuthorizationRequest, or never to be sent by the browser at all.
constexpr std::array<std::string_view, 28> kReserved = {
    "acr_values",
    "audience",
    "client_assertion",
    "client_assertion_type",
    "client_id",
    "client_secret",
    "code",
    "code_challenge",
    "code_challenge_method",
    "code_verifier",
    "dpop_jkt",
    "id_token_hint",
    "invitation",
    "login_hint",
    "max_age",
    "nonce",
    "organization",
    "prompt",
    "redirect_uri",
    "registration",
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "ui_locales",
};

// RFC 6749 section 8.2, `param-name`. Brackets and the like are read as another name by some
// servers.
bool IsParameterName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

// The query to be: what the endpoint has of its own, then ours, each name from one side only.
class Query {
 public:
  void Add(std::string_view name, std::string_view value) {
    names_.emplace(name);
    Append(PercentEncode(name) + "=" + PercentEncode(value));
  }

  std::string WithOwn(std::string_view own) && {
    std::string kept;
    while (!own.empty()) {
      const std::string_view field = own.substr(0, own.find('&'));
      own.remove_prefix(std::min(field.size() + 1, own.size()));
      if (field.empty() || IsOurs(field)) continue;
      kept += field;
      kept += '&';
    }
    return kept + text_;
  }

 private:
  void Append(std::string_view field) {
    if (!text_.empty()) text_ += '&';
    text_ += field;
  }

  bool IsOurs(std::string_view field) const {
    const auto decoded = ParseForm(field.substr(0, field.find('=')));
    return decoded.ok() && !decoded->empty() && names_.contains(decoded->front().name);
  }

  std::string text_;
  std::set<std::string, std::less<>> names_;
};

absl::StatusOr<std::string> JoinWithSpaces(const std::vector<std::string>& values,
                                           std::string_view field) {
  std::string joined;
  for (const std::string& value : values) {
    if (value.empty() || value.find(' ') != std::string::npos) {
      return FieldError(field, "a value is empty or has a space");
    }
    if (!joined.empty()) joined += ' ';
    joined += value;
  }
  return joined;
}

absl::Status AddMaxAge(absl::Duration max_age, Query& query) {
  if (max_age < absl::ZeroDuration() || max_age == absl::InfiniteDuration()) {
    return FieldError("max_age", "must be finite and not negative");
  }
  query.Add("max_age", std::to_string(absl::ToInt64Seconds(max_age)));
  return absl::OkStatus();
}

// RFC 8707 section 2: an absolute URI without a fragment.
absl::Status AddResources(const std::vector<std::string>& resources, Query& query) {
  for (const std::string& resource : resources) {
    const auto uri = SplitUri(resource);
    if (!uri || uri->fragment) {
      return FieldError("resources", "must be absolute URIs without a fragment (RFC 8707)");
    }
    query.Add("resource", resource);
  }
  return absl::OkStatus();
}

absl::Status AddOptional(const AuthorizationRequest& request, Query& query) {
  const auto add = [&query](std::string_view name, const std::optional<std::string>& value) {
    if (value) query.Add(name, *value);
  };
  add("dpop_jkt", request.dpop_jkt);
  add("audience", request.audience);
  RETURN_IF_ERROR(AddResources(request.resources, query));
  add("organization", request.organization);
  add("invitation", request.invitation);
  add("login_hint", request.login_hint);
  add("prompt", request.prompt);
  if (request.max_age) {
    RETURN_IF_ERROR(AddMaxAge(*request.max_age, query));
  }
  ASSIGN_OR_RETURN(const std::string acr_values, JoinWithSpaces(request.acr_values, "acr_values"));
  if (!acr_values.empty()) query.Add("acr_values", acr_values);
  ASSIGN_OR_RETURN(const std::string ui_locales, JoinWithSpaces(request.ui_locales, "ui_locales"));
  if (!ui_locales.empty()) query.Add("ui_locales", ui_locales);
  add("id_token_hint", request.id_token_hint);
  return absl::OkStatus();
}

absl::Status AddExtra(const std::map<std::string, std::string>& parameters, Query& query) {
  for (const auto& [name, value] : parameters) {
    if (!IsParameterName(name)) {
      return FieldError("extra_parameters",
                        "a name may have only letters, digits, `-`, `.` and `_` (RFC 6749 8.2)");
    }
    if (IsReservedParameter(name)) return Error(Reason::kParameterReserved, {{"parameter", name}});
    query.Add(name, value);
  }
  return absl::OkStatus();
}

absl::Status CheckScheme(const UriParts& uri) {
  if (HasScheme(uri, "https") || HasScheme(uri, "http")) {
    if (uri.host.empty()) return FieldError("redirect_uri", "must have a host");
    if (HasScheme(uri, "http") && !IsLoopback(uri)) {
      return FieldError("redirect_uri", "must be https, or http on localhost, 127.0.0.1 or [::1]");
    }
    return absl::OkStatus();
  }
  if (uri.scheme.find('.') == std::string_view::npos) {
    return FieldError("redirect_uri",
                      "a private-use scheme must be a reversed domain name (RFC 8252 7.1)");
  }
  return absl::OkStatus();
}

// Such a parameter would come back twice, and nobody could say which is the provider's.
bool NamesResponseParameter(std::string_view query) {
  const auto fields = ParseForm(query);
  return !fields.ok() || std::ranges::any_of(*fields, [](const FormField& field) {
    return IsAuthorizationResponseParameter(field.name);
  });
}

}  // namespace

std::string CodeChallengeS256(std::string_view code_verifier) {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned int size = 0;
  EVP_Digest(code_verifier.data(), code_verifier.size(), digest.data(), &size, EVP_sha256(),
             nullptr);
  return Base64UrlEncode({reinterpret_cast<const char*>(digest.data()), size});
}

bool IsReservedParameter(std::string_view name) {
  std::string lower(name);
  absl::AsciiStrToLower(&lower);
  return std::ranges::find(kReserved, lower) != kReserved.end();
}

absl::Status CheckRedirectUri(std::string_view uri) {
  const auto parts = SplitUri(uri);
  if (!parts) return FieldError("redirect_uri", "must be an absolute URI");
  if (parts->fragment) {
    return FieldError("redirect_uri", "must not have a fragment (RFC 6749 3.1.2)");
  }
  if (parts->has_userinfo) return FieldError("redirect_uri", "must not have userinfo");
  if (NamesResponseParameter(parts->query.value_or(""))) {
    return FieldError("redirect_uri", "must not have a parameter of the response in its query");
  }
  return CheckScheme(*parts);
}

absl::StatusOr<std::string> BuildAuthorizationUrl(std::string_view authorization_endpoint,
                                                  const AuthorizationRequest& request) {
  const auto endpoint = SplitUri(authorization_endpoint);
  if (!endpoint || endpoint->host.empty() || endpoint->has_userinfo || endpoint->fragment ||
      !(HasScheme(*endpoint, "https") || HasScheme(*endpoint, "http"))) {
    return Error(Reason::kProviderMisconfigured, {{"member", "authorization_endpoint"}});
  }
  if (!MayCarry(request.response_mode, request.response_type)) {
    return Error(Reason::kResponseModeNotAllowed);
  }
  Query query;
  query.Add("response_type", request.response_type.ToString());
  query.Add("response_mode", ToString(request.response_mode));
  query.Add("client_id", request.client_id);
  query.Add("redirect_uri", request.redirect_uri);
  if (!request.scopes.empty()) query.Add("scope", request.scopes.ToString());
  query.Add("state", request.state.Reveal());
  query.Add("nonce", request.nonce.Reveal());
  query.Add("code_challenge", request.code_challenge);
  query.Add("code_challenge_method", "S256");
  RETURN_IF_ERROR(AddOptional(request, query));
  RETURN_IF_ERROR(AddExtra(request.extra_parameters, query));
  std::string url(authorization_endpoint.substr(0, authorization_endpoint.find('?')));
  return url + "?" + std::move(query).WithOwn(endpoint->query.value_or(""));
}

}  // namespace tokenbroker::oauth
