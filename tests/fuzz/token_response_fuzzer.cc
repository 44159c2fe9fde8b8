// Answers of the token, revocation, introspection, userinfo and pushed authorization request
// endpoints, with the ID token in them on to its claims where it is signed with the secret of 64 k.
// The first byte picks the
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
#include "jose/hash_claim.h"
#include "jose/jws.h"
#include "oauth/dpop.h"
#include "oauth/id_token.h"
#include "oauth/introspection.h"
#include "oauth/pushed_authorization.h"
#include "oauth/token_exchange.h"
#include "oauth/token_response.h"
#include "oauth/userinfo.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

// As the redemption of a code goes on from an answer that was read.
void CheckIdToken(const oauth::TokenResponse& response) {
  const jose::JwsPolicy policy{.algorithms = {jose::Algorithm::kHS256}};
  const auto jwt =
      jose::VerifyHmacJws(response.id_token->Reveal(), Secret(std::string(64, 'k')), policy);
  if (!jwt.ok()) return;
  const auto claims = jose::ParseClaims(*jwt);
  if (!claims.ok()) return;
  const Secret nonce("n");
  const auto facts = oauth::ValidateIdToken(
      *claims, {.issuer = "https://op.example", .client_id = "client", .nonce = &nonce}, kNow);
  if (facts.ok() && facts->subject.empty()) std::abort();
  const absl::Status bound = oauth::CheckHashes(
      *jwt, *claims, {.access_token = &response.access_token, .access_token_hash_required = true});
  if (bound.ok() &&
      (*claims)["at_hash"] != jose::HashClaim(jwt->hash, response.access_token.Reveal())) {
    std::abort();
  }
}

void CheckPushedAuthorization(const oauth::HttpAnswer& answer) {
  const auto pushed = oauth::ParsePushedAuthorization(answer, kNow);
  if (!pushed.ok()) {
    if (!ReasonOf(pushed.status())) std::abort();
    return;
  }
  if (answer.status != 201 || pushed->request_uri.empty()) std::abort();
  if (pushed->lifetime < absl::Seconds(1) || pushed->lifetime > absl::Hours(24)) std::abort();
}

// The body as the claims of a signed UserInfo response.
void CheckSignedUserInfo(const Json& claims) {
  const absl::Status checked = oauth::CheckSignedUserInfo(
      claims, {.issuer = "https://op.example", .client_id = "client", .subject = "alice"}, kNow);
  if (!checked.ok()) {
    if (!ReasonOf(checked)) std::abort();
    return;
  }
  if (claims.at("sub") != "alice" || claims.at("iss") != "https://op.example") std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace oauth = tokenbroker::oauth;
  constexpr std::array<int, 9> kStatuses = {200, 400, 401, 403, 429, 500, 302, 204, 201};
  if (size == 0) return 0;
  const absl::Time now = kNow;
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
    if (response->id_token) CheckIdToken(*response);
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

  CheckPushedAuthorization(answer);
  if (const auto json = ParseJsonObject(body); json.ok()) CheckSignedUserInfo(*json);
  const auto salvaged = oauth::SalvageRefreshToken(answer);
  if (salvaged && (salvaged->empty() || answer.status / 100 != 2)) std::abort();

  const auto delay = oauth::ParseRetryAfter(*answer.retry_after, now);
  if (delay && (*delay < absl::Seconds(1) || *delay > absl::Hours(1))) std::abort();
  (void)oauth::PeekExpiry(tokenbroker::Secret(body));
  return 0;
}
