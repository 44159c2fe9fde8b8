#include "oauth/authorization_request.h"

#include <openssl/evp.h>

#include <algorithm>
#include <array>

#include "absl/strings/ascii.h"
#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/authorization_response.h"
#include "oauth/form.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

// Set from the fields of AuthorizationRequest, or never to be sent by the browser at all. The
// claims of a JWT are among them: in a signed request they would make it another kind of JWT, such
// as a client assertion (RFC 9101 section 10.8).
constexpr std::array<std::string_view, 35> kReserved = {
    "acr_values",
    "aud",
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
    "exp",
    "iat",
    "id_token_hint",
    "invitation",
    "iss",
    "jti",
    "login_hint",
    "max_age",
    "nbf",
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
    "sub",
    "ui_locales",
};

// RFC 6749 section 8.2, `param-name`. Brackets and the like are read as another name by some
// servers.
bool IsParameterName(std::string_view name) {
  return !name.empty() && std::ranges::all_of(name, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

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

absl::Status AddMaxAge(absl::Duration max_age, Parameters& parameters) {
  if (max_age < absl::ZeroDuration() || max_age == absl::InfiniteDuration()) {
    return FieldError("max_age", "must be finite and not negative");
  }
  parameters.push_back({"max_age", std::to_string(absl::ToInt64Seconds(max_age))});
  return absl::OkStatus();
}

// RFC 8707 section 2: an absolute URI without a fragment.
absl::Status AddResources(const std::vector<std::string>& resources, Parameters& parameters) {
  for (const std::string& resource : resources) {
    const auto uri = SplitUri(resource);
    if (!uri || uri->fragment) {
      return FieldError("resources", "must be absolute URIs without a fragment (RFC 8707)");
    }
    parameters.push_back({"resource", resource});
  }
  return absl::OkStatus();
}

absl::Status AddOptional(const AuthorizationRequest& request, Parameters& parameters) {
  const auto add = [&parameters](std::string_view name, const std::optional<std::string>& value) {
    if (value) parameters.push_back({std::string(name), *value});
  };
  add("dpop_jkt", request.dpop_jkt);
  add("audience", request.audience);
  RETURN_IF_ERROR(AddResources(request.resources, parameters));
  add("organization", request.organization);
  add("invitation", request.invitation);
  add("login_hint", request.login_hint);
  add("prompt", request.prompt);
  if (request.max_age) {
    RETURN_IF_ERROR(AddMaxAge(*request.max_age, parameters));
  }
  ASSIGN_OR_RETURN(const std::string acr_values, JoinWithSpaces(request.acr_values, "acr_values"));
  if (!acr_values.empty()) parameters.push_back({"acr_values", acr_values});
  ASSIGN_OR_RETURN(const std::string ui_locales, JoinWithSpaces(request.ui_locales, "ui_locales"));
  if (!ui_locales.empty()) parameters.push_back({"ui_locales", ui_locales});
  add("id_token_hint", request.id_token_hint);
  return absl::OkStatus();
}

absl::Status AddExtra(const std::map<std::string, std::string>& extra, Parameters& parameters) {
  for (const auto& [name, value] : extra) {
    if (!IsParameterName(name)) {
      return FieldError("extra_parameters",
                        "a name may have only letters, digits, `-`, `.` and `_` (RFC 6749 8.2)");
    }
    if (IsReservedParameter(name)) return Error(Reason::kParameterReserved, {{"parameter", name}});
    parameters.push_back({name, value});
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

absl::StatusOr<Parameters> AuthorizationParameters(const AuthorizationRequest& request) {
  if (!MayCarry(request.response_mode, request.response_type)) {
    return Error(Reason::kResponseModeNotAllowed);
  }
  Parameters parameters = {{"response_type", request.response_type.ToString()},
                           {"response_mode", std::string(ToString(request.response_mode))},
                           {"client_id", request.client_id},
                           {"redirect_uri", request.redirect_uri}};
  if (!request.scopes.empty()) parameters.push_back({"scope", request.scopes.ToString()});
  parameters.push_back({"state", std::string(request.state.Reveal())});
  parameters.push_back({"nonce", std::string(request.nonce.Reveal())});
  parameters.push_back({"code_challenge", request.code_challenge});
  parameters.push_back({"code_challenge_method", "S256"});
  RETURN_IF_ERROR(AddOptional(request, parameters));
  RETURN_IF_ERROR(AddExtra(request.extra_parameters, parameters));
  return parameters;
}

}  // namespace tokenbroker::oauth
