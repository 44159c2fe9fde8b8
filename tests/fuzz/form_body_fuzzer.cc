// A form_post callback: the raw body that anybody's browser may bring.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "oauth/authorization_response.h"
#include "oauth/form.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace oauth = tokenbroker::oauth;
  const std::string_view body(reinterpret_cast<const char*>(bytes), size);
  const auto response = oauth::ParseFormPost(body);
  if (!response.ok()) {
    if (!tokenbroker::ReasonOf(response.status())) std::abort();
    return 0;
  }
  if (response->state.empty()) std::abort();
  (void)oauth::CheckAuthorizationResponse(*response, {.issuer = "https://op.example",
                                                      .redirect_uri = "https://app.example/cb",
                                                      .response_type = {.id_token = true}});

  // What was read and written again reads the same.
  const auto fields = oauth::ParseForm(body);
  if (!fields.ok()) std::abort();
  oauth::FormWriter writer;
  for (const auto& field : *fields) writer.Add(field.name, field.value.Reveal());
  const tokenbroker::Secret written = std::move(writer).Finish();
  const auto again = oauth::ParseForm(written.Reveal(), {.max_bytes = 4 * size + 400});
  if (!again.ok() || again->size() != fields->size()) std::abort();
  for (std::size_t i = 0; i < fields->size(); ++i) {
    if ((*again)[i].name != (*fields)[i].name) std::abort();
    if (!((*again)[i].value == (*fields)[i].value)) std::abort();
  }
  return 0;
}
