#include <algorithm>
#include <set>

#include "base/error.h"
#include "oauth/authorization_request.h"
#include "oauth/form.h"
#include "oauth/url.h"

namespace tokenbroker::oauth {
namespace {

using Names = std::set<std::string, std::less<>>;

bool IsOneOf(const Names& names, std::string_view field) {
  const auto decoded = ParseForm(field.substr(0, field.find('=')));
  return decoded.ok() && !decoded->empty() && names.contains(decoded->front().name);
}

// The endpoint's own query without what `names` has.
std::string KeptOf(std::string_view own, const Names& names) {
  std::string kept;
  while (!own.empty()) {
    const std::string_view field = own.substr(0, own.find('&'));
    own.remove_prefix(std::min(field.size() + 1, own.size()));
    if (field.empty() || IsOneOf(names, field)) continue;
    kept += field;
    kept += '&';
  }
  return kept;
}

}  // namespace

absl::StatusOr<std::string> BuildAuthorizationUrl(std::string_view authorization_endpoint,
                                                  const Parameters& parameters) {
  const auto endpoint = SplitUri(authorization_endpoint);
  if (!endpoint || endpoint->host.empty() || endpoint->has_userinfo || endpoint->fragment ||
      !(HasScheme(*endpoint, "https") || HasScheme(*endpoint, "http"))) {
    return Error(Reason::kProviderMisconfigured, {{"member", "authorization_endpoint"}});
  }
  Names names;
  for (const Parameter& parameter : parameters) names.insert(parameter.name);
  std::string url(authorization_endpoint.substr(0, authorization_endpoint.find('?')));
  url += '?';
  url += KeptOf(endpoint->query.value_or(""), names);
  for (const Parameter& parameter : parameters) {
    if (&parameter != &parameters.front()) url += '&';
    url += PercentEncode(parameter.name);
    url += '=';
    url += PercentEncode(parameter.value);
  }
  return url;
}

}  // namespace tokenbroker::oauth
