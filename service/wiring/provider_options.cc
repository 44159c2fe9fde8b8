#include "wiring/provider_options.h"

#include <algorithm>
#include <string>
#include <utility>

#include "config/durations.h"
#include "wiring/address_policy.h"

namespace tokenbroker::wiring {
namespace {

using config::ToDuration;

std::optional<std::string> IfGiven(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional(text);
}

oauth::MtlsEndpointAliases AliasesOf(const config::v1::MtlsEndpointAliases& aliases) {
  return {.token_endpoint = IfGiven(aliases.token_endpoint()),
          .userinfo_endpoint = IfGiven(aliases.userinfo_endpoint()),
          .revocation_endpoint = IfGiven(aliases.revocation_endpoint()),
          .introspection_endpoint = IfGiven(aliases.introspection_endpoint()),
          .pushed_authorization_request_endpoint =
              IfGiven(aliases.pushed_authorization_request_endpoint())};
}

oauth::ProviderMetadata FixedMetadata(const config::v1::Provider& provider) {
  const config::v1::ProviderEndpoints& endpoints = provider.endpoints();
  return {.issuer = provider.issuer(),
          .authorization_endpoint = endpoints.authorization_endpoint(),
          .token_endpoint = endpoints.token_endpoint(),
          .jwks_uri = endpoints.jwks_uri(),
          .userinfo_endpoint = IfGiven(endpoints.userinfo_endpoint()),
          .revocation_endpoint = IfGiven(endpoints.revocation_endpoint()),
          .introspection_endpoint = IfGiven(endpoints.introspection_endpoint()),
          .end_session_endpoint = IfGiven(endpoints.end_session_endpoint()),
          .pushed_authorization_request_endpoint =
              IfGiven(endpoints.pushed_authorization_request_endpoint()),
          .mtls_endpoint_aliases = AliasesOf(endpoints.mtls_endpoint_aliases()),
          .authorization_response_iss_parameter_supported = provider.require_issuer_parameter(),
          // What no document promises is the operator's word.
          .tls_client_certificate_bound_access_tokens = true};
}

provider::ProviderRules RulesOf(const config::v1::Provider& provider) {
  const config::v1::ProviderCompatibility& compatibility = provider.compatibility();
  return {.clock_skew = ToDuration(provider.clock_skew()),
          .require_issuer_parameter = provider.require_issuer_parameter(),
          .strict_authorized_party = !compatibility.accept_changed_authorized_party(),
          .strict_auth_time = !compatibility.accept_changed_auth_time(),
          .logout_token_expiry_required = !compatibility.accept_logout_token_without_expiry(),
          .default_access_token_lifetime = ToDuration(provider.default_access_token_lifetime()),
          .reuse_leeway = ToDuration(provider.refresh_token_reuse_leeway())};
}

provider::LifetimeBounds KeysLifetime(const config::v1::ProviderJwks& jwks) {
  provider::LifetimeBounds bounds{.shortest = ToDuration(jwks.minimum_lifetime()),
                                  .longest = ToDuration(jwks.maximum_lifetime())};
  bounds.usual =
      std::clamp(bounds.usual, bounds.shortest, std::max(bounds.shortest, bounds.longest));
  return bounds;
}

provider::RateOptions RateOf(const config::v1::ProviderRateLimit& limit) {
  provider::RateOptions options{.share_without_store = limit.share_without_store(),
                                .follow_headers = limit.follow_headers()};
  if (!limit.has_requests_per_second()) return options;
  const double rate = limit.requests_per_second();
  const int burst =
      limit.has_burst() ? static_cast<int>(limit.burst()) : std::max(1, static_cast<int>(rate));
  options.rate = limits::Rate{.per_second = rate, .burst = burst};
  return options;
}

provider::BreakerOptions BreakerOf(const config::v1::ProviderCircuitBreaker& breaker) {
  return {.failures = static_cast<int>(breaker.failures()),
          .open_for = ToDuration(breaker.open_for()),
          .open_for_at_most = ToDuration(breaker.open_for_at_most())};
}

}  // namespace

provider::HttpProviderOptions ProviderOptionsOf(const config::v1::Provider& provider,
                                                limits::LimitStore* limit_store) {
  provider::HttpProviderOptions options{
      .name = provider.name(),
      .issuer = provider.issuer(),
      .scheme = provider.allow_loopback_http() ? oauth::HttpScheme::kHttpOnLoopbackToo
                                               : oauth::HttpScheme::kHttpsOnly,
      .rules = RulesOf(provider),
      .token_response_rules = {.allow_missing_token_type =
                                   provider.compatibility().accept_missing_token_type(),
                               .allow_other_content_types =
                                   provider.compatibility().accept_any_content_type()},
      .metadata_lifetime = ToDuration(provider.metadata_lifetime()),
      .keys_lifetime = KeysLifetime(provider.jwks()),
      .max_stale = ToDuration(provider.maximum_staleness()),
      .forced_fetch_burst = static_cast<int>(provider.jwks().forced_refetch_burst()),
      .forced_fetch_interval = ToDuration(provider.jwks().forced_refetch_interval()),
      .trusted_hosts = {provider.trusted_endpoint_hosts().begin(),
                        provider.trusted_endpoint_hosts().end()},
      .request_timeout = ToDuration(provider.request_timeout()),
      .max_response_bytes = provider.max_response_bytes(),
      .max_in_flight = static_cast<int>(provider.max_concurrent_requests()),
      .max_queued = static_cast<int>(provider.max_queued_requests()),
      .rate = RateOf(provider.rate_limit()),
      .breaker = BreakerOf(provider.circuit_breaker()),
      .limit_store = limit_store};
  for (const std::string& name : provider.id_token_signing_algorithms()) {
    if (const auto algorithm = jose::ParseAlgorithm(name)) {
      options.signing_algorithms.push_back(*algorithm);
    }
  }
  if (provider.client_assertion_audience() ==
      config::v1::CLIENT_ASSERTION_AUDIENCE_TOKEN_ENDPOINT) {
    options.assertion_audience = provider::AssertionAudience::kTokenEndpoint;
  }
  if (!provider.discovery()) options.fixed_metadata = FixedMetadata(provider);
  if (!provider.ca_file().empty()) options.tls.ca_file = provider.ca_file();
  return options;
}

HttpClientOptions HttpOptionsOf(const config::v1::Provider& provider) {
  return {.address_policy =
              AddressPolicyOf(provider.allowed_private_addresses(), provider.allow_loopback_http()),
          .connect_timeout = ToDuration(provider.connect_timeout())};
}

}  // namespace tokenbroker::wiring
