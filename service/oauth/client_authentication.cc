#include "oauth/client_authentication.h"

#include <string>

#include "base/base64url.h"
#include "base/json.h"
#include "base/random.h"
#include "jose/jws.h"

namespace tokenbroker::oauth {
namespace {

struct Name {
  std::string_view operator()(const ClientSecretBasic&) const { return "client_secret_basic"; }
  std::string_view operator()(const ClientSecretPost&) const { return "client_secret_post"; }
  std::string_view operator()(const ClientSecretJwt&) const { return "client_secret_jwt"; }
  std::string_view operator()(const PrivateKeyJwt&) const { return "private_key_jwt"; }
  std::string_view operator()(const TlsClientAuth& tls) const {
    return tls.trust == CertificateTrust::kAuthority ? "tls_client_auth"
                                                     : "self_signed_tls_client_auth";
  }
  std::string_view operator()(const NoAuthentication&) const { return "none"; }
};

constexpr absl::Duration kAssertionLifetime = absl::Seconds(60);
constexpr std::string_view kAssertionType =
    "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

Secret BasicCredentials(std::string_view client_id, const Secret& secret) {
  const Secret encoded_id = FormEncode(client_id);
  const Secret encoded_secret = FormEncode(secret.Reveal());
  std::string pair;
  pair.reserve(encoded_id.size() + 1 + encoded_secret.size());
  pair.append(encoded_id.Reveal()).append(":").append(encoded_secret.Reveal());
  std::string encoded = Base64Encode(pair);
  WipeString(pair);
  std::string value;
  value.reserve(6 + encoded.size());
  value.append("Basic ").append(encoded);
  WipeString(encoded);
  return Secret::Take(std::move(value));
}

// RFC 7523 section 3. `nbf` is left out: it would only make clocks that differ a fault.
std::string AssertionClaims(std::string_view client_id, const AssertionTerms& terms) {
  const Json claims = {{"iss", client_id},
                       {"sub", client_id},
                       {"aud", terms.audience},
                       {"jti", RandomToken(16)},
                       {"iat", absl::ToUnixSeconds(terms.now)},
                       {"exp", absl::ToUnixSeconds(terms.now + kAssertionLifetime)}};
  return claims.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// Adds what a method sends to the form or to the headers.
struct Addition {
  std::string_view client_id;
  const AssertionTerms& terms;
  FormWriter& form;
  EncodedRequest& request;

  absl::Status operator()(const ClientSecretBasic& basic) const {
    request.headers.emplace_back("Authorization", BasicCredentials(client_id, basic.secret));
    return absl::OkStatus();
  }
  absl::Status operator()(const ClientSecretPost& post) const {
    form.Add("client_id", client_id);
    form.Add("client_secret", post.secret.Reveal());
    return absl::OkStatus();
  }
  absl::Status operator()(const ClientSecretJwt& jwt) const {
    return AddAssertion(
        jose::SignHmacJws(Header(), AssertionClaims(client_id, terms), jwt.algorithm, jwt.secret));
  }
  absl::Status operator()(const PrivateKeyJwt& jwt) const {
    return AddAssertion(jose::SignJws(Header(), AssertionClaims(client_id, terms), jwt.key));
  }
  absl::Status operator()(const TlsClientAuth&) const { return AddClientId(); }
  absl::Status operator()(const NoAuthentication&) const { return AddClientId(); }

 private:
  static Json Header() { return {{"typ", "JWT"}}; }

  absl::Status AddClientId() const {
    form.Add("client_id", client_id);
    return absl::OkStatus();
  }
  absl::Status AddAssertion(absl::StatusOr<std::string> assertion) const {
    if (!assertion.ok()) return assertion.status();
    form.Add("client_id", client_id);
    form.Add("client_assertion_type", kAssertionType);
    form.Add("client_assertion", *assertion);
    WipeString(*assertion);
    return absl::OkStatus();
  }
};

}  // namespace

std::string_view MethodName(const ClientAuthentication& authentication) {
  return std::visit(Name(), authentication);
}

std::optional<jose::Algorithm> SigningAlgorithm(const ClientAuthentication& authentication) {
  if (const auto* jwt = std::get_if<ClientSecretJwt>(&authentication)) return jwt->algorithm;
  if (const auto* jwt = std::get_if<PrivateKeyJwt>(&authentication)) return jwt->key.algorithm();
  return std::nullopt;
}

absl::StatusOr<EncodedRequest> Authenticate(FormWriter form, std::string_view client_id,
                                            const ClientAuthentication& authentication,
                                            const AssertionTerms& terms) {
  EncodedRequest request;
  request.headers.emplace_back("Accept", Secret("application/json"));
  const absl::Status added = std::visit(Addition{client_id, terms, form, request}, authentication);
  if (!added.ok()) return added;
  request.body = std::move(form).Finish();
  return request;
}

}  // namespace tokenbroker::oauth
