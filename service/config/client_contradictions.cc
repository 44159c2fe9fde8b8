#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "config/client_keys.h"
#include "config/contains.h"
#include "config/contradictions.h"
#include "config/durations.h"
#include "config/names.h"
#include "config/response_types.h"
#include "config/uri.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace tokenbroker::config {
namespace {

using Texts = google::protobuf::RepeatedPtrField<std::string>;

constexpr std::array<std::string_view, 6> kResponseModes = {
    "form_post", "query", "fragment", "form_post.jwt", "query.jwt", "fragment.jwt"};

// Parameters of the authorization request that the broker sets itself: from the request, from the
// client's other fields or at random. The claims of a JWT have no business in a request.
constexpr std::array<std::string_view, 30> kOwnParameters = {
    "acr_values",
    "aud",
    "audience",
    "client_assertion",
    "client_id",
    "client_secret",
    "code_challenge",
    "code_challenge_method",
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
    "request",
    "request_uri",
    "resource",
    "response_mode",
    "response_type",
    "scope",
    "state",
    "sub",
};

constexpr std::array<std::string_view, 4> kProofAlgorithms = {"ES256", "EdDSA", "PS256", "RS256"};

void CheckRedirectUris(const Texts& uris, const std::string& path, Faults& faults) {
  for (int i = 0; i < uris.size(); ++i) {
    const auto uri = ParseUri(uris[i]);
    const std::string element = ElementPath(path, static_cast<std::size_t>(i));
    if (!uri || faults.Has(element)) continue;
    if (uri->scheme != "https" && !(uri->scheme == "http" && IsLoopbackHost(uri->host))) {
      faults.Add(element, "must begin with https://; http:// is only for loopback addresses");
    }
  }
}

void CheckResponseTypes(const v1::Client& client, const std::string& path, Faults& faults) {
  std::set<std::string> types;
  for (int i = 0; i < client.response_types_size(); ++i) {
    const std::string element = ElementPath(path + ".response_types", static_cast<std::size_t>(i));
    const auto type = CanonicalResponseType(client.response_types(i));
    if (!type) {
      faults.Add(element, "must be one of: code, code id_token, code token, code id_token token");
    } else if (!types.insert(*type).second && !faults.Has(element)) {
      faults.Add(element, "is listed twice; the order of the words does not count");
    }
    if (type && type->find("id_token") != std::string::npos &&
        !Contains(client.scopes(), "openid")) {
      faults.AddBecauseOf(element, path + ".scopes",
                          "must have openid, without which there is no ID token");
    }
  }
  if (client.default_response_type().empty()) return;
  const auto type = CanonicalResponseType(client.default_response_type());
  if (!type || !types.contains(*type)) {
    faults.Add(path + ".default_response_type", "must be one of response_types");
  }
}

void CheckResponseModes(const v1::Client& client, const std::string& path, Faults& faults) {
  for (int i = 0; i < client.response_modes_size(); ++i) {
    const std::string& mode = client.response_modes(i);
    const std::string element = ElementPath(path + ".response_modes", static_cast<std::size_t>(i));
    if (mode == "jwt") {
      faults.Add(element,
                 "stands for query.jwt with the response type code and for fragment.jwt with the "
                 "others; write these");
    } else if (!Contains(kResponseModes, mode)) {
      faults.Add(element, NoSuch("response mode", mode, kResponseModes));
    } else if (mode.starts_with("query") && !Contains(client.response_types(), "code")) {
      faults.Add(element, "is for the response type code alone, which is not in response_types");
    }
  }
}

void CheckAlgorithm(const v1::Client& client, const std::string& path, Faults& faults) {
  const std::string field = path + ".authorization_signed_response_alg";
  if (faults.Has(field)) return;
  if (const auto fault = SigningAlgorithmFault(client.authorization_signed_response_alg())) {
    faults.Add(field, *fault);
  }
}

void CheckScopes(const v1::Client& client, const std::string& path, Faults& faults) {
  for (int i = 0; i < client.default_scopes_size(); ++i) {
    if (Contains(client.scopes(), client.default_scopes(i))) continue;
    faults.Add(ElementPath(path + ".default_scopes", static_cast<std::size_t>(i)),
               "must be one of scopes; add it there, or remove it here");
  }
}

void CheckTimes(const v1::Client& client, const std::string& path, Faults& faults) {
  const std::string lifetime = path + ".grant_lifetime";
  if (!faults.Has(lifetime + ".idle") && !faults.Has(lifetime + ".absolute") &&
      ToDuration(client.grant_lifetime().idle()) > ToDuration(client.grant_lifetime().absolute())) {
    faults.Add(lifetime + ".idle", "is longer than absolute");
  }
  const v1::ClientRefresh& refresh = client.refresh();
  if (!faults.Has(path + ".refresh.fraction") && !faults.Has(path + ".refresh.jitter") &&
      (refresh.fraction() + refresh.jitter() > 1 || refresh.jitter() > refresh.fraction())) {
    faults.Add(path + ".refresh",
               "fraction plus jitter must not be over 1, nor jitter over fraction");
  }
  const std::string idle = path + ".refresh.refresh_token_idle_lifetime";
  if (refresh.has_refresh_token_idle_lifetime() && !faults.Has(idle) &&
      !faults.Has(path + ".refresh.floor") &&
      ToDuration(refresh.refresh_token_idle_lifetime()) <= ToDuration(refresh.floor())) {
    faults.Add(idle, "is over before floor allows another refresh; make floor shorter");
  }
  if (client.max_age().nanos() != 0) {
    faults.Add(path + ".max_age", "must be whole seconds");
  }
}

void CheckDpop(const v1::Client& client, const std::string& path, Faults& faults) {
  if (!client.has_dpop()) return;
  const std::string& algorithm = client.dpop().signing_algorithm();
  if (!Contains(kProofAlgorithms, algorithm)) {
    faults.Add(path + ".dpop.signing_algorithm",
               NoSuch("signing algorithm", algorithm, kProofAlgorithms));
  }
  for (int i = 0; i < client.response_types_size(); ++i) {
    const auto type = CanonicalResponseType(client.response_types(i));
    if (!type || !type->ends_with(" token")) continue;
    faults.Add(ElementPath(path + ".response_types", static_cast<std::size_t>(i)),
               "contradicts dpop: a token that comes through the browser is bound to no key");
  }
}

void CheckParameters(const v1::Client& client, const std::string& path, Faults& faults) {
  for (const auto& [name, value] : client.authorization_parameters()) {
    if (!Contains(kOwnParameters, name)) continue;
    faults.Add(FieldPath(path + ".authorization_parameters", name),
               "is set by the broker itself; remove it here");
  }
}

}  // namespace

std::optional<std::string> CanonicalResponseType(std::string_view text) {
  std::set<std::string> words;
  for (bool more = true; more;) {
    const auto end = text.find(' ');
    if (!words.emplace(text.substr(0, end)).second) return std::nullopt;
    more = end != std::string_view::npos;
    text.remove_prefix(more ? end + 1 : text.size());
  }
  if (!words.erase("code")) return std::nullopt;
  std::string canonical = "code";
  for (const char* word : {"id_token", "token"}) {
    if (words.erase(word) > 0) canonical.append(" ").append(word);
  }
  if (!words.empty()) return std::nullopt;
  return canonical;
}

void CheckClients(const v1::Config& config, Faults& faults) {
  std::vector<std::string> providers;
  for (const v1::Provider& provider : config.providers()) providers.push_back(provider.name());
  UniqueValues names("clients", "name", faults);
  for (int i = 0; i < config.clients_size(); ++i) {
    const v1::Client& client = config.clients(i);
    const auto index = static_cast<std::size_t>(i);
    const std::string path = ElementPath("clients", index);
    names.Add(index, client.name());
    if (!client.provider().empty() && !Contains(providers, client.provider()) &&
        !faults.Has(path + ".provider")) {
      faults.Add(path + ".provider", NoSuch("provider", client.provider(), providers));
    }
    CheckRedirectUris(client.redirect_uris(), path + ".redirect_uris", faults);
    CheckRedirectUris(client.post_logout_redirect_uris(), path + ".post_logout_redirect_uris",
                      faults);
    CheckResponseTypes(client, path, faults);
    CheckResponseModes(client, path, faults);
    CheckAlgorithm(client, path, faults);
    CheckScopes(client, path, faults);
    CheckTimes(client, path, faults);
    CheckDpop(client, path, faults);
    CheckParameters(client, path, faults);
  }
}

}  // namespace tokenbroker::config
