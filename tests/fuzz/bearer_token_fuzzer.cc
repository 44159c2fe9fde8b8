// The `authorization` metadata, which anybody who reaches the port may write as they like.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "base/error.h"
#include "base/json.h"
#include "callers/bearer_token.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace callers = tokenbroker::callers;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto token = callers::ParseBearer(text)) {
    if (token->empty() || token->find(' ') != token->npos) std::abort();
    (void)callers::ParseUnverifiedIssuer(*token);
  }
  // The same bytes as the claims of a token whose signature was good.
  const auto claims = tokenbroker::ParseJsonObject(text);
  if (!claims.ok()) return 0;
  const absl::Time now = absl::FromUnixSeconds(1767225600);
  const auto bearer = callers::ValidateBearerClaims(
      *claims, {.issuer = "i", .audience = "a", .algorithms = {}, .keys = nullptr}, now);
  if (!bearer.ok()) {
    if (!tokenbroker::ReasonOf(bearer.status())) std::abort();
    return 0;
  }
  if (bearer->subject.issuer != "i" || bearer->subject.subject.empty()) std::abort();
  if (bearer->expires_at + callers::kClockSkew <= now) std::abort();
  return 0;
}
