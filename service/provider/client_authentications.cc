#include "provider/client_authentications.h"

#include <algorithm>
#include <string>
#include <string_view>

#include "absl/strings/ascii.h"
#include "base/error.h"
#include "jose/algorithm.h"

namespace tokenbroker::provider {
namespace {

constexpr std::string_view kNone = "none";
// What is told of a provider's list: it comes from outside.
constexpr std::size_t kMaxToldNames = 16;
constexpr std::size_t kMaxToldNameSize = 64;

bool Lists(const std::vector<std::string>& names, std::string_view name) {
  return names.empty() || std::ranges::find(names, name) != names.end();
}

bool TakesMethod(const oauth::ProviderMetadata& metadata,
                 const oauth::ClientAuthentication& authentication) {
  const std::string_view method = oauth::MethodName(authentication);
  return method == kNone || Lists(metadata.token_endpoint_auth_methods_supported, method);
}

bool TakesAlgorithm(const oauth::ProviderMetadata& metadata,
                    const oauth::ClientAuthentication& authentication) {
  const auto algorithm = oauth::SigningAlgorithm(authentication);
  return !algorithm || Lists(metadata.token_endpoint_auth_signing_alg_values_supported,
                             jose::AlgorithmName(*algorithm));
}

bool CanBeTold(std::string_view name) {
  return !name.empty() && name.size() <= kMaxToldNameSize && std::ranges::all_of(name, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '-' || c == '.' ||
           c == ':' || c == '/';
  });
}

std::string Told(const std::vector<std::string>& names) {
  std::string told;
  std::size_t count = 0;
  for (const std::string& name : names) {
    if (!CanBeTold(name) || ++count > kMaxToldNames) continue;
    told.append(told.empty() ? "" : " ").append(name);
  }
  return told;
}

absl::Status NoneIsTaken(const oauth::ProviderMetadata& metadata,
                         const oauth::ClientAuthentication& first) {
  const std::string method(oauth::MethodName(first));
  if (!TakesMethod(metadata, first)) {
    return ErrorWithMessage(
        Reason::kProviderMisconfigured,
        "The provider does not offer the client authentication that the client is configured "
        "with; configure a method that it supports.",
        {{"method", method},
         {"member", "token_endpoint_auth_methods_supported"},
         {"supported", Told(metadata.token_endpoint_auth_methods_supported)}});
  }
  const auto algorithm = oauth::SigningAlgorithm(first);
  return ErrorWithMessage(
      Reason::kProviderMisconfigured,
      "The provider does not take the algorithm that the client signs its assertions with; "
      "configure one that it supports.",
      {{"method", method},
       {"algorithm", algorithm ? std::string(jose::AlgorithmName(*algorithm)) : ""},
       {"member", "token_endpoint_auth_signing_alg_values_supported"},
       {"supported", Told(metadata.token_endpoint_auth_signing_alg_values_supported)}});
}

}  // namespace

absl::StatusOr<std::vector<const oauth::ClientAuthentication*>> UsableAuthentications(
    const Registration& registration, const oauth::ProviderMetadata& metadata) {
  std::vector<const oauth::ClientAuthentication*> usable;
  for (const oauth::ClientAuthentication& authentication : registration.authentications) {
    if (TakesMethod(metadata, authentication) && TakesAlgorithm(metadata, authentication)) {
      usable.push_back(&authentication);
    }
  }
  if (!usable.empty()) return usable;
  if (registration.authentications.empty()) return Error(Reason::kInternal);
  return NoneIsTaken(metadata, registration.authentications.front());
}

}  // namespace tokenbroker::provider
