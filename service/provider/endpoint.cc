#include "provider/endpoint.h"

#include <array>
#include <optional>
#include <string>
#include <variant>

#include "absl/strings/match.h"
#include "base/error.h"

namespace tokenbroker::provider {
namespace {

using oauth::MtlsEndpointAliases;
using oauth::ProviderMetadata;

struct Row {
  Endpoint endpoint;
  std::string_view operation;
  std::optional<std::string> ProviderMetadata::* place;  // none for the token endpoint
  std::optional<std::string> MtlsEndpointAliases::* alias;
};

constexpr std::array<Row, 5> kRows = {{
    {Endpoint::kToken, "token", nullptr, &MtlsEndpointAliases::token_endpoint},
    {Endpoint::kRevocation, "revocation", &ProviderMetadata::revocation_endpoint,
     &MtlsEndpointAliases::revocation_endpoint},
    {Endpoint::kIntrospection, "introspection", &ProviderMetadata::introspection_endpoint,
     &MtlsEndpointAliases::introspection_endpoint},
    {Endpoint::kUserInfo, "userinfo", &ProviderMetadata::userinfo_endpoint,
     &MtlsEndpointAliases::userinfo_endpoint},
    {Endpoint::kPushedAuthorizationRequest, "pushed_authorization_request",
     &ProviderMetadata::pushed_authorization_request_endpoint,
     &MtlsEndpointAliases::pushed_authorization_request_endpoint},
}};

const Row& RowOf(Endpoint endpoint) {
  for (const Row& row : kRows) {
    if (row.endpoint == endpoint) return row;
  }
  return kRows[0];
}

static_assert(kRows.size() == kEndpoints);

}  // namespace

std::string_view EndpointName(Endpoint endpoint) { return RowOf(endpoint).operation; }

absl::StatusOr<std::string_view> EndpointUrl(const ProviderMetadata& metadata, Endpoint endpoint,
                                             const oauth::ClientAuthentication& authentication) {
  const Row& row = RowOf(endpoint);
  const bool has_place = row.place == nullptr || (metadata.*row.place).has_value();
  if (!has_place) {
    return Error(Reason::kOperationNotSupported, {{"operation", std::string(row.operation)}});
  }
  const std::string& place =
      row.place == nullptr ? metadata.token_endpoint : *(metadata.*row.place);
  if (!CertificateOf(authentication)) return place;
  const auto& alias = metadata.mtls_endpoint_aliases.*row.alias;
  const std::string& url = alias ? *alias : place;
  if (!absl::StartsWithIgnoreCase(url, "https://")) {
    return ErrorWithMessage(Reason::kProviderMisconfigured,
                            "The client proves itself with a certificate, which only an https "
                            "endpoint can ask for.",
                            {{"operation", std::string(row.operation)}});
  }
  return url;
}

std::optional<ClientCertificate> CertificateOf(const oauth::ClientAuthentication& authentication) {
  const auto* tls = std::get_if<oauth::TlsClientAuth>(&authentication);
  if (tls == nullptr) return std::nullopt;
  return ClientCertificate{.certificate_file = tls->certificate_file,
                           .key_file = tls->private_key_file};
}

}  // namespace tokenbroker::provider
