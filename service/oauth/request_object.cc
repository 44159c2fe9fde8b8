#include "oauth/request_object.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/error.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "jose/jws.h"

namespace tokenbroker::oauth {
namespace {

// OIDC Core 5.5 and 6.1, RFC 9396 section 3.
constexpr std::array<std::string_view, 2> kJsonParameters = {"authorization_details", "claims"};
// OIDC Core 6.1.
constexpr std::array<std::string_view, 3> kBesideRequest = {"client_id", "response_type", "scope"};

// `text` as any JSON value, read strictly.
absl::StatusOr<Json> ParseValue(const std::string& text) {
  const auto object = ParseJsonObject("{\"value\":" + text + "}");
  if (!object.ok() || object->size() != 1 || !object->contains("value")) {
    return FieldError("extra_parameters", "claims and authorization_details must be JSON");
  }
  return object->at("value");
}

absl::StatusOr<Json> ValueOf(const Parameter& parameter) {
  if (std::ranges::find(kJsonParameters, parameter.name) != kJsonParameters.end()) {
    return ParseValue(parameter.value);
  }
  // AuthorizationParameters wrote the number.
  if (parameter.name == "max_age") return Json(std::stoll(parameter.value));
  return Json(parameter.value);
}

}  // namespace

absl::StatusOr<std::string> SignRequestObject(const Parameters& parameters,
                                              const RequestObjectClaims& claims,
                                              const jose::PrivateKey& key) {
  Json payload = Json::object();
  for (const Parameter& parameter : parameters) {
    ASSIGN_OR_RETURN(Json value, ValueOf(parameter));
    const auto [member, is_new] = payload.emplace(parameter.name, value);
    if (is_new) continue;
    if (!member->is_array()) *member = Json::array({*member});
    member->push_back(std::move(value));
  }
  payload["iss"] = claims.client_id;
  payload["aud"] = claims.issuer;
  payload["jti"] = claims.id;
  payload["iat"] = absl::ToUnixSeconds(claims.issued_at);
  payload["nbf"] = absl::ToUnixSeconds(claims.issued_at);
  payload["exp"] = absl::ToUnixSeconds(claims.expires_at);
  return jose::SignJws({{"typ", "oauth-authz-req+jwt"}},
                       payload.dump(-1, ' ', false, Json::error_handler_t::replace), key);
}

Parameters WithRequestObject(const Parameters& parameters, std::string request_object) {
  Parameters kept;
  for (const Parameter& parameter : parameters) {
    if (std::ranges::find(kBesideRequest, parameter.name) != kBesideRequest.end()) {
      kept.push_back(parameter);
    }
  }
  kept.push_back({"request", std::move(request_object)});
  return kept;
}

}  // namespace tokenbroker::oauth
