// Answers of the token, revocation, introspection and userinfo endpoints. The first byte picks the
// HTTP status, the rest is the body, and what stands before the first line end is a Retry-After
// header as well.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/error.h"
#include "base/json.h"
#include "oauth/dpop.h"
#include "oauth/introspection.h"
#include "oauth/token_exchange.h"
#include "oauth/token_response.h"
#include "oauth/userinfo.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace oauth = tokenbroker::oauth;
  constexpr std::array<int, 8> kStatuses = {200, 400, 401, 403, 429, 500, 302, 204};
  if (size == 0) return 0;
  const absl::Time now = absl::FromUnixSeconds(1767225600);
  const std::string_view body(reinterpret_cast<const char*>(bytes) + 1, size - 1);
  const oauth::HttpAnswer answer{.status = kStatuses[bytes[0] % kStatuses.size()],
                                 .content_type = "application/json",
                                 .body = body,
                                 .retry_after = body.substr(0, body.find('\n'))};

  const auto type = bytes[0] < 128 ? oauth::TokenType::kBearer : oauth::TokenType::kDpop;
  const auto response = oauth::ParseTokenResponse(answer, {}, now, type);
  if (response.ok()) {
    if (response->access_token.empty() || response->token_type != oauth::TokenTypeName(type)) {
      std::abort();
    }
    if (oauth::AsksForDpopNonce(answer, body)) std::abort();
    if (response->lifetime && (*response->lifetime < absl::ZeroDuration() ||
                               *response->lifetime > absl::Hours(24 * 365 * 50))) {
      std::abort();
    }
    (void)oauth::PeekExpiry(response->access_token);
  } else if (!tokenbroker::ReasonOf(response.status())) {
    std::abort();
  }
  (void)oauth::AsksForDpopNonce(answer, body);
  (void)oauth::CheckEmptyAnswer(answer, now);
  const auto claims = oauth::ParseUserInfo(answer, "alice", now);
  if (claims.ok() && (*claims)["sub"] != "alice") std::abort();

  const auto exchanged = oauth::ParseTokenExchangeResponse(answer, {}, "", now);
  if (exchanged.ok() && (!exchanged->issued_token_type ||
                         *exchanged->issued_token_type == oauth::kRefreshTokenType)) {
    std::abort();
  }
  const oauth::ExpectedToken expected{.issuer = "https://op.example",
                                      .client_id = "client",
                                      .subject = "alice",
                                      .certificates = std::vector<std::string>{"thumbprint"}};
  const auto confirmed = oauth::CheckIntrospection(answer, expected, now);
  if (confirmed.ok()) {
    const auto json = tokenbroker::ParseJsonObject(body);
    if (!json.ok() || (*json)["active"] != true || (*json)["cnf"]["x5t#S256"] != "thumbprint") {
      std::abort();
    }
  }

  const auto delay = oauth::ParseRetryAfter(*answer.retry_after, now);
  if (delay && (*delay < absl::Seconds(1) || *delay > absl::Hours(1))) std::abort();
  (void)oauth::PeekExpiry(tokenbroker::Secret(body));
  return 0;
}
