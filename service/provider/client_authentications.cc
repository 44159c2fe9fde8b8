#include "provider/client_authentications.h"

#include <algorithm>
#include <string>
#include <variant>

#include "base/error.h"

namespace tokenbroker::provider {
namespace {

constexpr std::string_view kNone = "none";

struct Name {
  std::string_view operator()(const oauth::ClientSecretBasic&) const {
    return "client_secret_basic";
  }
  std::string_view operator()(const oauth::ClientSecretPost&) const { return "client_secret_post"; }
  std::string_view operator()(const oauth::NoAuthentication&) const { return kNone; }
};

bool Takes(const std::vector<std::string>& methods, std::string_view method) {
  return methods.empty() || method == kNone || std::ranges::find(methods, method) != methods.end();
}

}  // namespace

std::string_view MethodName(const oauth::ClientAuthentication& authentication) {
  return std::visit(Name(), authentication);
}

absl::StatusOr<std::vector<const oauth::ClientAuthentication*>> UsableAuthentications(
    const Registration& registration, const oauth::ProviderMetadata& metadata) {
  std::vector<const oauth::ClientAuthentication*> usable;
  for (const oauth::ClientAuthentication& authentication : registration.authentications) {
    if (Takes(metadata.token_endpoint_auth_methods_supported, MethodName(authentication))) {
      usable.push_back(&authentication);
    }
  }
  if (!usable.empty()) return usable;
  const std::string_view method = registration.authentications.empty()
                                      ? kNone
                                      : MethodName(registration.authentications.front());
  return ErrorWithMessage(
      Reason::kProviderMisconfigured,
      "The provider's token endpoint does not list the client authentication "
      "that the client is configured with.",
      {{"method", std::string(method)}, {"member", "token_endpoint_auth_methods_supported"}});
}

}  // namespace tokenbroker::provider
