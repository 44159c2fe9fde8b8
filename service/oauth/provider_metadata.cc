#include "oauth/provider_metadata.h"

#include <algorithm>
#include <array>

#include "base/error.h"
#include "base/json.h"
#include "base/status_macros.h"
#include "jose/algorithm.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

absl::Status Misconfigured(std::string_view member) {
  return Error(Reason::kProviderMisconfigured, {{"member", std::string(member)}});
}

const Json* Find(const Json& document, std::string_view member) {
  const auto found = document.find(std::string(member));
  return found == document.end() || found->is_null() ? nullptr : &*found;
}

bool IsEndpoint(std::string_view text, HttpScheme scheme) {
  const auto url = SplitUri(text);
  if (!url || url->host.empty() || url->has_userinfo || url->fragment) return false;
  return HasScheme(*url, "https") ||
         (scheme == HttpScheme::kHttpOnLoopbackToo && HasScheme(*url, "http") && IsLoopback(*url));
}

absl::StatusOr<std::optional<std::string>> ReadEndpoint(const Json& document,
                                                        std::string_view member,
                                                        HttpScheme scheme) {
  const Json* const value = Find(document, member);
  if (value == nullptr) return std::optional<std::string>();
  if (!value->is_string() || !IsEndpoint(value->get_ref<const std::string&>(), scheme)) {
    return Misconfigured(member);
  }
  return std::optional(value->get<std::string>());
}

absl::StatusOr<std::string> RequireEndpoint(const Json& document, std::string_view member,
                                            HttpScheme scheme) {
  ASSIGN_OR_RETURN(std::optional<std::string> endpoint, ReadEndpoint(document, member, scheme));
  if (!endpoint) return Misconfigured(member);
  return *std::move(endpoint);
}

absl::StatusOr<std::vector<std::string>> ReadList(const Json& document, std::string_view member) {
  std::vector<std::string> list;
  const Json* const value = Find(document, member);
  if (value == nullptr) return list;
  if (!value->is_array()) return Misconfigured(member);
  for (const Json& item : *value) {
    if (!item.is_string()) return Misconfigured(member);
    list.push_back(item.get<std::string>());
  }
  return list;
}

absl::StatusOr<bool> ReadFlag(const Json& document, std::string_view member) {
  const Json* const value = Find(document, member);
  if (value == nullptr) return false;
  if (!value->is_boolean()) return Misconfigured(member);
  return value->get<bool>();
}

absl::Status CheckIssuer(const Json& document, std::string_view issuer, HttpScheme scheme) {
  const Json* const value = Find(document, "issuer");
  if (value == nullptr || !value->is_string() || value->get_ref<const std::string&>() != issuer) {
    return Misconfigured("issuer");
  }
  const auto url = SplitUri(issuer);
  return IsEndpoint(issuer, scheme) && !url->query ? absl::OkStatus() : Misconfigured("issuer");
}

// `none` and shared secrets are never what a provider's published keys verify.
absl::Status CheckSigningAlgorithms(const std::vector<std::string>& names) {
  const bool usable = names.empty() || std::ranges::any_of(names, [](const std::string& name) {
                        const auto algorithm = jose::ParseAlgorithm(name);
                        return algorithm && !jose::IsHmac(*algorithm);
                      });
  return usable ? absl::OkStatus() : Misconfigured("id_token_signing_alg_values_supported");
}

struct OptionalEndpoint {
  std::string_view member;
  std::optional<std::string> ProviderMetadata::* endpoint;
};
constexpr std::array<OptionalEndpoint, 5> kOptionalEndpoints = {{
    {"userinfo_endpoint", &ProviderMetadata::userinfo_endpoint},
    {"revocation_endpoint", &ProviderMetadata::revocation_endpoint},
    {"introspection_endpoint", &ProviderMetadata::introspection_endpoint},
    {"end_session_endpoint", &ProviderMetadata::end_session_endpoint},
    {"pushed_authorization_request_endpoint",
     &ProviderMetadata::pushed_authorization_request_endpoint},
}};

struct Alias {
  std::string_view member;
  std::optional<std::string> MtlsEndpointAliases::* endpoint;
};
constexpr std::array<Alias, 5> kAliases = {{
    {"token_endpoint", &MtlsEndpointAliases::token_endpoint},
    {"userinfo_endpoint", &MtlsEndpointAliases::userinfo_endpoint},
    {"revocation_endpoint", &MtlsEndpointAliases::revocation_endpoint},
    {"introspection_endpoint", &MtlsEndpointAliases::introspection_endpoint},
    {"pushed_authorization_request_endpoint",
     &MtlsEndpointAliases::pushed_authorization_request_endpoint},
}};

absl::StatusOr<MtlsEndpointAliases> ReadAliases(const Json& document, HttpScheme scheme) {
  constexpr std::string_view kMember = "mtls_endpoint_aliases";
  MtlsEndpointAliases aliases;
  const Json* const value = Find(document, kMember);
  if (value == nullptr) return aliases;
  if (!value->is_object()) return Misconfigured(kMember);
  for (const auto& [member, endpoint] : kAliases) {
    auto url = ReadEndpoint(*value, member, scheme);
    if (!url.ok()) return Misconfigured(std::string(kMember).append(".").append(member));
    aliases.*endpoint = *std::move(url);
  }
  return aliases;
}

struct List {
  std::string_view member;
  std::vector<std::string> ProviderMetadata::* values;
};
constexpr std::array<List, 7> kLists = {{
    {"response_types_supported", &ProviderMetadata::response_types_supported},
    {"response_modes_supported", &ProviderMetadata::response_modes_supported},
    {"token_endpoint_auth_methods_supported",
     &ProviderMetadata::token_endpoint_auth_methods_supported},
    {"token_endpoint_auth_signing_alg_values_supported",
     &ProviderMetadata::token_endpoint_auth_signing_alg_values_supported},
    {"id_token_signing_alg_values_supported",
     &ProviderMetadata::id_token_signing_alg_values_supported},
    {"dpop_signing_alg_values_supported", &ProviderMetadata::dpop_signing_alg_values_supported},
    {"request_object_signing_alg_values_supported",
     &ProviderMetadata::request_object_signing_alg_values_supported},
}};

struct Flag {
  std::string_view member;
  bool ProviderMetadata::* flag;
};
constexpr std::array<Flag, 4> kFlags = {{
    {"authorization_response_iss_parameter_supported",
     &ProviderMetadata::authorization_response_iss_parameter_supported},
    {"require_pushed_authorization_requests",
     &ProviderMetadata::require_pushed_authorization_requests},
    {"require_signed_request_object", &ProviderMetadata::require_signed_request_object},
    {"tls_client_certificate_bound_access_tokens",
     &ProviderMetadata::tls_client_certificate_bound_access_tokens},
}};

}  // namespace

std::string DiscoveryUrl(std::string_view issuer) {
  if (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

absl::StatusOr<ProviderMetadata> ParseProviderMetadata(std::string_view json,
                                                       std::string_view issuer, HttpScheme scheme) {
  const auto document = ParseJsonObject(json);
  if (!document.ok()) return Misconfigured("document");
  RETURN_IF_ERROR(CheckIssuer(*document, issuer, scheme));
  ProviderMetadata metadata;
  metadata.issuer = issuer;
  ASSIGN_OR_RETURN(metadata.authorization_endpoint,
                   RequireEndpoint(*document, "authorization_endpoint", scheme));
  ASSIGN_OR_RETURN(metadata.token_endpoint, RequireEndpoint(*document, "token_endpoint", scheme));
  ASSIGN_OR_RETURN(metadata.jwks_uri, RequireEndpoint(*document, "jwks_uri", scheme));
  for (const auto& [member, endpoint] : kOptionalEndpoints) {
    ASSIGN_OR_RETURN(metadata.*endpoint, ReadEndpoint(*document, member, scheme));
  }
  ASSIGN_OR_RETURN(metadata.mtls_endpoint_aliases, ReadAliases(*document, scheme));
  for (const auto& [member, flag] : kFlags) {
    ASSIGN_OR_RETURN(metadata.*flag, ReadFlag(*document, member));
  }
  for (const auto& [member, values] : kLists) {
    ASSIGN_OR_RETURN(metadata.*values, ReadList(*document, member));
  }
  if (metadata.token_endpoint_auth_methods_supported.empty()) {
    metadata.token_endpoint_auth_methods_supported = {"client_secret_basic"};
  }
  RETURN_IF_ERROR(CheckSigningAlgorithms(metadata.id_token_signing_alg_values_supported));
  return metadata;
}

}  // namespace tokenbroker::oauth
