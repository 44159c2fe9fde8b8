// A discovery document, from whoever answers at an issuer's address.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "oauth/provider_metadata.h"
#include "oauth/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace oauth = tokenbroker::oauth;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto metadata =
      oauth::ParseProviderMetadata(text, "https://op.example", oauth::HttpScheme::kHttpsOnly);
  if (!metadata.ok()) {
    if (!tokenbroker::HasReason(metadata.status(), tokenbroker::Reason::kProviderMisconfigured)) {
      std::abort();
    }
    return 0;
  }
  if (metadata->issuer != "https://op.example") std::abort();
  if (metadata->token_endpoint_auth_methods_supported.empty()) std::abort();
  const auto& alias = metadata->mtls_endpoint_aliases.token_endpoint;
  for (const auto& url : {metadata->authorization_endpoint, metadata->token_endpoint,
                          metadata->jwks_uri, alias.value_or(metadata->token_endpoint)}) {
    const auto parts = oauth::SplitUri(url);
    if (!parts || !oauth::HasScheme(*parts, "https") || parts->host.empty()) std::abort();
  }
  return 0;
}
