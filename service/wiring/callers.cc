#include "wiring/callers.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status_macros.h"
#include "net/curl_http_client.h"
#include "provider/key_source.h"
#include "wiring/address_policy.h"

namespace tokenbroker::wiring {
namespace {

using Strings = google::protobuf::RepeatedPtrField<std::string>;

std::optional<callers::Names> NamesOrAny(const Strings& values) {
  if (std::find(values.begin(), values.end(), "*") != values.end()) return std::nullopt;
  return callers::Names(values.begin(), values.end());
}

std::optional<callers::Names> NamesIfGiven(const Strings& values) {
  if (values.empty()) return std::nullopt;
  return callers::Names(values.begin(), values.end());
}

callers::Identity IdentityOf(const config::v1::CallerIdentity& identity) {
  if (identity.has_jwt()) {
    return callers::JwtSubject{identity.jwt().issuer(), identity.jwt().subject()};
  }
  if (identity.has_dns_san()) return callers::DnsName{identity.dns_san()};
  return callers::SpiffeId{identity.spiffe_id()};
}

callers::Caller CallerOf(const config::v1::Caller& caller) {
  callers::Caller made{.name = caller.name(),
                       .rpcs = {caller.rpcs().begin(), caller.rpcs().end()},
                       .clients = NamesOrAny(caller.clients()),
                       .scopes = NamesIfGiven(caller.scopes()),
                       .audiences = NamesIfGiven(caller.audiences()),
                       .grants = caller.grants() == config::v1::GRANT_VISIBILITY_ALL
                                     ? callers::GrantVisibility::kAll
                                     : callers::GrantVisibility::kOwn};
  for (const auto& identity : caller.identities()) made.identities.push_back(IdentityOf(identity));
  return made;
}

absl::StatusOr<std::shared_ptr<callers::IssuerKeys>> KeysOf(const config::v1::JwtIssuer& issuer,
                                                            Runtime& runtime, const Clock& clock,
                                                            const telemetry::Log& log) {
  if (issuer.has_jwks_file()) {
    ASSIGN_OR_RETURN(auto keys, callers::FileIssuerKeys::Create(issuer.jwks_file(), clock));
    return std::shared_ptr<callers::IssuerKeys>(std::move(keys));
  }
  const HttpClientOptions http_options{
      .address_policy =
          AddressPolicyOf(issuer.allowed_private_addresses(), issuer.allow_loopback_http())};
  ASSIGN_OR_RETURN(auto http, CurlHttpClient::Create(runtime, clock, http_options));
  provider::KeySourceOptions options;
  if (!issuer.ca_file().empty()) options.fetch.tls.ca_file = issuer.ca_file();
  auto source = provider::KeySource::Create(runtime, std::move(http), clock, log,
                                            provider::FixedJwksUri(issuer.jwks_uri()), options);
  return std::shared_ptr<callers::IssuerKeys>(
      std::make_shared<callers::RemoteIssuerKeys>(std::move(source)));
}

}  // namespace

absl::StatusOr<std::unique_ptr<callers::Authenticator>> AuthenticatorOf(
    const config::v1::Config& config, IssuerKeysByConfig& keys, Runtime& runtime,
    const Clock& clock, const telemetry::Log& log) {
  std::vector<callers::Caller> made;
  for (const auto& caller : config.callers()) made.push_back(CallerOf(caller));
  ASSIGN_OR_RETURN(auto policy, callers::Policy::Create(std::move(made)));

  callers::Authenticator::Options options;
  IssuerKeysByConfig used;
  for (const auto& issuer : config.jwt_issuers()) {
    callers::JwtIssuer accepted{.issuer = issuer.issuer(), .audience = issuer.audience()};
    for (const std::string& name : issuer.signing_algorithms()) {
      if (const auto identifier = jose::ParseAlgorithm(name)) {
        accepted.algorithms.push_back(*identifier);
      }
    }
    const std::string settings = issuer.SerializeAsString();
    if (const auto known = keys.find(settings); known != keys.end()) {
      accepted.keys = known->second;
    } else {
      ASSIGN_OR_RETURN(accepted.keys, KeysOf(issuer, runtime, clock, log));
    }
    used[settings] = accepted.keys;
    options.issuers.push_back(std::move(accepted));
  }
  keys = std::move(used);
  if (!config.dev().anonymous_caller().empty()) {
    options.anonymous_caller = config.dev().anonymous_caller();
  }
  return callers::Authenticator::Create(std::move(policy), std::move(options), clock);
}

}  // namespace tokenbroker::wiring
