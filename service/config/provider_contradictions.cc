#include <string>

#include "absl/time/time.h"
#include "config/client_keys.h"
#include "config/contradictions.h"
#include "config/durations.h"
#include "config/names.h"
#include "config/uri.h"
#include "google/protobuf/descriptor.h"
#include "google/protobuf/message.h"
#include "google/protobuf/repeated_ptr_field.h"

namespace tokenbroker::config {
namespace {

void CheckAlgorithms(const google::protobuf::RepeatedPtrField<std::string>& algorithms,
                     const std::string& path, Faults& faults) {
  for (int i = 0; i < algorithms.size(); ++i) {
    if (const auto fault = SigningAlgorithmFault(algorithms[i])) {
      faults.Add(ElementPath(path, static_cast<std::size_t>(i)), *fault);
    }
  }
}

// Plain http is only for loopback addresses (its syntax has been checked), and only on request.
void CheckScheme(const std::string& url, bool allow_loopback_http, const std::string& path,
                 const std::string& element, Faults& faults) {
  const auto uri = ParseUri(url);
  if (!uri || uri->scheme == "https" || allow_loopback_http || faults.Has(path)) return;
  faults.Add(path, "must begin with https://; on a developer's machine set " +
                       FieldPath(element, "allow_loopback_http") + ": true");
}

// CheckScheme for every URL among the fields of `urls`, which stands at `path`.
void CheckSchemes(const google::protobuf::Message& urls, const v1::Provider& provider,
                  const std::string& path, const std::string& element, Faults& faults) {
  const auto& description = *urls.GetDescriptor();
  for (int i = 0; i < description.field_count(); ++i) {
    const auto& field = *description.field(i);
    if (field.cpp_type() != google::protobuf::FieldDescriptor::CPPTYPE_STRING) continue;
    CheckScheme(urls.GetReflection()->GetString(urls, &field), provider.allow_loopback_http(),
                FieldPath(path, field.name()), element, faults);
  }
}

void CheckEndpoints(const v1::Provider& provider, const std::string& path, Faults& faults) {
  if (provider.discovery() && provider.has_endpoints()) {
    faults.Add(path + ".endpoints", "contradicts discovery; remove it, or set discovery: false");
    return;
  }
  if (!provider.discovery() && !provider.has_endpoints()) {
    faults.AddBecauseOf(path + ".discovery", path + ".endpoints",
                        "is required with discovery: false");
    return;
  }
  CheckSchemes(provider.endpoints(), provider, path + ".endpoints", path, faults);
  const v1::MtlsEndpointAliases& aliases = provider.endpoints().mtls_endpoint_aliases();
  CheckSchemes(aliases, provider, path + ".endpoints.mtls_endpoint_aliases", path, faults);
}

void CheckTrustedHosts(const v1::Provider& provider, const std::string& path, Faults& faults) {
  for (int i = 0; i < provider.trusted_endpoint_hosts_size(); ++i) {
    const std::string& host = provider.trusted_endpoint_hosts(i);
    const auto uri = ParseUri("https://" + host);
    if (uri && uri->host.size() == host.size()) continue;
    faults.Add(ElementPath(path + ".trusted_endpoint_hosts", static_cast<std::size_t>(i)),
               "must be a host name alone, without scheme, port and path");
  }
}

void CheckLimits(const v1::Provider& provider, const std::string& path, Faults& faults) {
  const v1::ProviderRateLimit& rate = provider.rate_limit();
  if (rate.has_burst() && !rate.has_requests_per_second()) {
    faults.Add(path + ".rate_limit.burst", "needs requests_per_second beside it");
  }
  const std::string breaker = path + ".circuit_breaker";
  if (!faults.Has(breaker + ".open_for") && !faults.Has(breaker + ".open_for_at_most") &&
      ToDuration(provider.circuit_breaker().open_for()) >
          ToDuration(provider.circuit_breaker().open_for_at_most())) {
    faults.Add(breaker + ".open_for", "is longer than open_for_at_most");
  }
}

void CheckProvider(const v1::Provider& provider, const std::string& path, Faults& faults) {
  CheckScheme(provider.issuer(), provider.allow_loopback_http(), path + ".issuer", path, faults);
  const auto issuer = ParseUri(provider.issuer());
  if (issuer && issuer->has_query) {
    faults.Add(path + ".issuer", "must not have a query (?...): see OpenID Connect Discovery 4.1");
  }
  CheckEndpoints(provider, path, faults);
  CheckLimits(provider, path, faults);
  CheckTrustedHosts(provider, path, faults);
  CheckAlgorithms(provider.id_token_signing_algorithms(), path + ".id_token_signing_algorithms",
                  faults);
  const std::string jwks = path + ".jwks";
  if (!faults.Has(jwks + ".minimum_lifetime") && !faults.Has(jwks + ".maximum_lifetime") &&
      ToDuration(provider.jwks().minimum_lifetime()) >
          ToDuration(provider.jwks().maximum_lifetime())) {
    faults.Add(jwks + ".minimum_lifetime", "is longer than maximum_lifetime");
  }
  if (!faults.Has(path + ".connect_timeout") && !faults.Has(path + ".request_timeout") &&
      ToDuration(provider.connect_timeout()) > ToDuration(provider.request_timeout())) {
    faults.Add(path + ".connect_timeout", "is longer than request_timeout, which includes it");
  }
}

}  // namespace

void CheckProviders(const v1::Config& config, Faults& faults) {
  UniqueValues names("providers", "name", faults);
  UniqueValues issuers("providers", "issuer", faults);
  for (int i = 0; i < config.providers_size(); ++i) {
    const auto index = static_cast<std::size_t>(i);
    names.Add(index, config.providers(i).name());
    issuers.Add(index, config.providers(i).issuer());
    CheckProvider(config.providers(i), ElementPath("providers", index), faults);
  }
}

void CheckJwtIssuers(const v1::Config& config, Faults& faults) {
  UniqueValues issuers("jwt_issuers", "issuer", faults);
  for (int i = 0; i < config.jwt_issuers_size(); ++i) {
    const v1::JwtIssuer& issuer = config.jwt_issuers(i);
    const auto index = static_cast<std::size_t>(i);
    const std::string path = ElementPath("jwt_issuers", index);
    issuers.Add(index, issuer.issuer());
    CheckScheme(issuer.jwks_uri(), issuer.allow_loopback_http(), path + ".jwks_uri", path, faults);
    CheckAlgorithms(issuer.signing_algorithms(), path + ".signing_algorithms", faults);
  }
}

}  // namespace tokenbroker::config
