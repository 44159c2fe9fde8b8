#include "oauth/logout_request.h"

#include <utility>

#include "base/error.h"
#include "oauth/url.h"
#include "oauth/url_query.h"

namespace tokenbroker::oauth {

absl::StatusOr<Secret> BuildLogoutUrl(std::string_view end_session_endpoint,
                                      const LogoutRequest& request) {
  const auto endpoint = SplitUri(end_session_endpoint);
  if (!endpoint || endpoint->host.empty() || endpoint->has_userinfo || endpoint->fragment ||
      !(HasScheme(*endpoint, "https") || HasScheme(*endpoint, "http"))) {
    return Error(Reason::kProviderMisconfigured, {{"member", "end_session_endpoint"}});
  }
  UrlQuery query;
  if (request.id_token_hint != nullptr) query.Add("id_token_hint", request.id_token_hint->Reveal());
  query.Add("client_id", request.client_id);
  if (request.post_logout_redirect_uri) {
    query.Add("post_logout_redirect_uri", *request.post_logout_redirect_uri);
  }
  if (request.state) query.Add("state", *request.state);
  return Secret::Take(std::move(query).AppendTo(end_session_endpoint));
}

}  // namespace tokenbroker::oauth
