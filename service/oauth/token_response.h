// The token endpoint's answer, read strictly (RFC 6749 sections 5.1 and 5.2).
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/secret.h"
#include "oauth/scopes.h"

namespace tokenbroker::oauth {

// What an access token is used with: nothing (RFC 6750), or a proof of its key (RFC 9449).
enum class TokenType { kBearer, kDpop };

// `Bearer` or `DPoP`: as `token_type` and as the scheme of an Authorization header.
std::string_view TokenTypeName(TokenType type);

struct TokenResponse {
  Secret access_token;
  std::string token_type;                  // by TokenTypeName, in its spelling, or `N_A`
  std::optional<absl::Duration> lifetime;  // expires_in; absent or senseless: unknown
  std::optional<Secret> refresh_token;     // absent, null and "" are alike: none
  std::optional<Secret> id_token;
  std::optional<Scopes> scopes;  // absent: as asked for; present and empty: nothing granted
  std::optional<std::string> issued_token_type;  // of a token exchange (RFC 8693)
};

// An HTTP answer, as far as these parsers look at it.
struct HttpAnswer {
  int status = 0;
  std::string_view content_type;  // whole header value, "" where absent
  std::string_view body;
  std::optional<std::string_view> retry_after;
};

struct TokenResponseRules {
  bool allow_missing_token_type = false;  // switches per provider
  bool allow_other_content_types = false;
  bool may_be_no_access_token = false;  // `N_A` is a token type too: for token exchanges
};

// Reads a 200 answer, and turns every other one into an error:
//   invalid_grant → REAUTHORIZATION_REQUIRED; invalid_client, unauthorized_client →
//   PROVIDER_REJECTED_CLIENT; access_denied, invalid_scope, invalid_target, login_required and the
//   like → PROVIDER_DENIED; unsupported_token_type → OPERATION_NOT_SUPPORTED; 429 (and Auth0's 500
//   `access_denied` with "limit") → PROVIDER_RATE_LIMITED with RetryInfo; 5xx,
//   temporarily_unavailable, server_error → PROVIDER_UNAVAILABLE with RetryInfo; anything else →
//   PROVIDER_RESPONSE_INVALID.
// The provider's `error` word goes into metadata `error` where it matches [a-z_]{1,64}, the HTTP
// status into `status`; a PROVIDER_RESPONSE_INVALID says in `check` what failed:
//   CONTENT_TYPE_UNSUPPORTED, JSON_MALFORMED, MEMBER_MISSING and MEMBER_MALFORMED (metadata
//   `member`), TOKEN_TYPE_UNSUPPORTED, ERROR_IN_SUCCESS, ERROR_UNEXPECTED, STATUS_UNEXPECTED.
// A token of another type than `expected` is refused, lest a token that is bound to no key pass for
// one that is; so is one without a type where kDpop is expected, whatever `rules` say. `now` is for
// a Retry-After that is a date. Nothing of the body goes into a message.
absl::StatusOr<TokenResponse> ParseTokenResponse(const HttpAnswer& answer,
                                                 const TokenResponseRules& rules, absl::Time now,
                                                 TokenType expected = TokenType::kBearer);

// The refresh token in an answer that ParseTokenResponse refuses for something else: a provider
// that rotates has spent the one before it. Nothing where the answer is not a 2xx, does not parse,
// or says `error`.
std::optional<Secret> SalvageRefreshToken(const HttpAnswer& answer);

// The same table for answers of which only success (200 or 204) or failure matters (revocation).
absl::Status CheckEmptyAnswer(const HttpAnswer& answer, absl::Time now);

// An `expires_in` that came as text: digits alone, up to 50 years; anything else is unknown.
std::optional<absl::Duration> ReadExpiresIn(std::string_view text);

// `Retry-After` in seconds or as an HTTP date (RFC 9110 section 10.2.3, its obsolete forms too),
// clamped to [1 s, 1 h]; nothing where it is senseless.
std::optional<absl::Duration> ParseRetryAfter(std::string_view value, absl::Time now);

// The `exp` of an access token that happens to be a JWT, unverified: a hint for scheduling alone.
std::optional<absl::Time> PeekExpiry(const Secret& access_token);

}  // namespace tokenbroker::oauth
