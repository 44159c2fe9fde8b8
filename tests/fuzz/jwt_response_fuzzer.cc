// An authorization response as a JWT (JARM): the bytes are the `response` that any browser may
// bring, and the payload that a provider may have signed.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include "base/base64url.h"
#include "base/error.h"
#include "oauth/authorization_response.h"
#include "oauth/form.h"
#include "oauth/jwt_response.h"

namespace {

namespace oauth = tokenbroker::oauth;

void Open(std::string_view payload) {
  const std::string jwt = "e30." + tokenbroker::Base64UrlEncode(payload) + ".c2ln";
  auto envelope = oauth::ParseRedirectUrl("https://app.example/cb#response=" + jwt);
  if (!envelope.ok()) {
    if (!tokenbroker::ReasonOf(envelope.status())) std::abort();
    return;
  }
  if (envelope->state.empty() || envelope->code || envelope->error) std::abort();
  const tokenbroker::Secret state = envelope->state.Copy();
  const auto claims = tokenbroker::ParseJsonObject(payload);
  if (!claims.ok()) std::abort();
  const auto opened = oauth::OpenJwtResponse(
      *std::move(envelope), *claims, {.issuer = "https://op.example", .client_id = "client"},
      absl::FromUnixSeconds(1767225600));
  if (!opened.ok()) {
    if (!tokenbroker::ReasonOf(opened.status())) std::abort();
    return;
  }
  if (opened->response || !(opened->state == state)) std::abort();
  if (claims->at("iss") != "https://op.example" || !claims->contains("exp")) std::abort();
  (void)oauth::CheckAuthorizationResponse(*opened,
                                          {.issuer = "https://op.example",
                                           .redirect_uri = "https://app.example/cb",
                                           .response_type = {.id_token = true},
                                           .response_mode = oauth::ResponseMode::kFragmentJwt});
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  Open(text);
  oauth::FormWriter form;
  form.Add("response", text);
  const tokenbroker::Secret body = std::move(form).Finish();
  const auto response = oauth::ParseFormPost(body.Reveal());
  if (response.ok() && (!response->response || response->state.empty())) std::abort();
  return 0;
}
