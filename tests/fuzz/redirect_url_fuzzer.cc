// The URL that a browser was sent to, and the form checks of redirect URIs.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "oauth/authorization_request.h"
#include "oauth/authorization_response.h"
#include "oauth/url.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace oauth = tokenbroker::oauth;
  const std::string_view url(reinterpret_cast<const char*>(bytes), size);
  if (oauth::CheckRedirectUri(url).ok() && !oauth::SplitUri(url)) std::abort();

  const oauth::AuthorizationRequest request{.client_id = "c",
                                            .redirect_uri = "https://app.example/cb",
                                            .state = tokenbroker::Secret("s"),
                                            .nonce = tokenbroker::Secret("n"),
                                            .code_challenge = "x"};
  const auto parameters = oauth::AuthorizationParameters(request);
  if (!parameters.ok()) std::abort();
  const auto authorization_url = oauth::BuildAuthorizationUrl(url, *parameters);
  if (authorization_url.ok() && !oauth::SplitUri(*authorization_url)) std::abort();

  const auto response = oauth::ParseRedirectUrl(url);
  if (!response.ok()) {
    if (!tokenbroker::ReasonOf(response.status())) std::abort();
    return 0;
  }
  if (response->state.empty()) std::abort();
  if (!url.starts_with(response->redirect_uri)) std::abort();
  (void)oauth::CheckAuthorizationResponse(*response, {.issuer = "https://op.example",
                                                      .redirect_uri = "https://app.example/cb?t=a",
                                                      .response_mode = response->mode});
  return 0;
}
