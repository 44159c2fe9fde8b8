#include <utility>

#include "base/error.h"
#include "oauth/authorization_request.h"
#include "oauth/url.h"
#include "oauth/url_query.h"

namespace tokenbroker::oauth {

absl::StatusOr<std::string> BuildAuthorizationUrl(std::string_view authorization_endpoint,
                                                  const Parameters& parameters) {
  const auto endpoint = SplitUri(authorization_endpoint);
  if (!endpoint || endpoint->host.empty() || endpoint->has_userinfo || endpoint->fragment ||
      !(HasScheme(*endpoint, "https") || HasScheme(*endpoint, "http"))) {
    return Error(Reason::kProviderMisconfigured, {{"member", "authorization_endpoint"}});
  }
  UrlQuery query;
  for (const Parameter& parameter : parameters) query.Add(parameter.name, parameter.value);
  return std::move(query).AppendTo(authorization_endpoint);
}

}  // namespace tokenbroker::oauth
