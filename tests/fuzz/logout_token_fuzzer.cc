// Any text as the claims of a logout token: it must not crash, and what is taken must name
// somebody, have an id, and stop being valid when it says.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/json.h"
#include "oauth/logout_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tokenbroker;  // NOLINT: a fuzzer is one function
  const auto claims = ParseJsonObject({reinterpret_cast<const char*>(data), size});
  if (!claims.ok()) return 0;
  const absl::Time now = absl::FromUnixSeconds(1767225600);
  for (const bool expiry_required : {true, false}) {
    const oauth::ExpectedLogoutToken expected{
        .issuer = "https://op.example", .client_id = "client", .expiry_required = expiry_required};
    const auto token = oauth::ValidateLogoutToken(*claims, expected, now);
    if (!token.ok()) continue;
    if (!token->subject && !token->session_id) std::abort();
    if (token->token_id.empty() || token->valid_until <= now) std::abort();
    if (oauth::ValidateLogoutToken(*claims, expected, token->valid_until).ok()) std::abort();
  }
  return 0;
}
