#include "provider/endpoint_hosts.h"

#include <array>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "oauth/url.h"

namespace tokenbroker::provider {
namespace {

// In lower case, without the port; "" for what is no URL.
std::string HostOf(std::string_view url) {
  const auto parts = oauth::SplitUri(url);
  if (!parts) return "";
  return absl::AsciiStrToLower(absl::string_view(parts->host.data(), parts->host.size()));
}

using Endpoints = std::array<std::pair<std::string_view, const std::string*>, 13>;

const std::string* PointerTo(const std::optional<std::string>& url) {
  return url ? &*url : nullptr;
}

Endpoints EndpointsOf(const oauth::ProviderMetadata& metadata) {
  const oauth::MtlsEndpointAliases& aliases = metadata.mtls_endpoint_aliases;
  return {
      {{"authorization_endpoint", &metadata.authorization_endpoint},
       {"token_endpoint", &metadata.token_endpoint},
       {"jwks_uri", &metadata.jwks_uri},
       {"userinfo_endpoint", PointerTo(metadata.userinfo_endpoint)},
       {"revocation_endpoint", PointerTo(metadata.revocation_endpoint)},
       {"introspection_endpoint", PointerTo(metadata.introspection_endpoint)},
       {"end_session_endpoint", PointerTo(metadata.end_session_endpoint)},
       {"pushed_authorization_request_endpoint",
        PointerTo(metadata.pushed_authorization_request_endpoint)},
       {"mtls_endpoint_aliases.token_endpoint", PointerTo(aliases.token_endpoint)},
       {"mtls_endpoint_aliases.userinfo_endpoint", PointerTo(aliases.userinfo_endpoint)},
       {"mtls_endpoint_aliases.revocation_endpoint", PointerTo(aliases.revocation_endpoint)},
       {"mtls_endpoint_aliases.introspection_endpoint", PointerTo(aliases.introspection_endpoint)},
       {"mtls_endpoint_aliases.pushed_authorization_request_endpoint",
        PointerTo(aliases.pushed_authorization_request_endpoint)}}};
}

}  // namespace

absl::Status CheckEndpointHosts(const oauth::ProviderMetadata& now,
                                const oauth::ProviderMetadata& before,
                                const std::vector<std::string>& trusted_hosts) {
  std::set<std::string> known = {HostOf(now.issuer)};
  for (const std::string& host : trusted_hosts) known.insert(absl::AsciiStrToLower(host));
  for (const auto& [member, url] : EndpointsOf(before)) {
    if (url) known.insert(HostOf(*url));
  }
  for (const auto& [member, url] : EndpointsOf(now)) {
    if (url && !known.contains(HostOf(*url))) {
      return ErrorWithMessage(Reason::kProviderMisconfigured,
                              "An endpoint of the provider has moved to a host that is not known "
                              "for it. Add the host to the provider's trusted hosts if the move "
                              "is meant.",
                              {{"member", std::string(member)}});
    }
  }
  return absl::OkStatus();
}

}  // namespace tokenbroker::provider
