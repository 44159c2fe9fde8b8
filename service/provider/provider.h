// One OpenID provider as the use cases see it: everything it can be asked, and nothing of how.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "base/json.h"
#include "base/secret.h"
#include "base/task.h"
#include "jose/jws.h"
#include "oauth/authorization_request.h"
#include "oauth/client_authentication.h"
#include "oauth/dpop.h"
#include "oauth/provider_metadata.h"
#include "oauth/pushed_authorization.h"
#include "oauth/token_request.h"
#include "oauth/token_response.h"
#include "provider/permit.h"
#include "provider/provider_state.h"
#include "provider/token_protection.h"

namespace tokenbroker::provider {

// The broker's registration at a provider, as far as requests to the provider need it.
// Immutable; outlives every request that uses it.
struct Registration {
  std::string client_id;
  // At least one. Tried in order: on `invalid_client` alone the next is tried, so that a secret, a
  // key or a certificate is rotated at the provider with no failed call; never with an
  // authorization code, which is sent once.
  std::vector<oauth::ClientAuthentication> authentications;
  // ID tokens, and logout tokens, which are protected alike (Back-Channel Logout 2.4).
  TokenProtection id_token;
  // UserInfo responses, whose algorithm is set. None: they are plain JSON.
  std::optional<TokenProtection> user_info;
  // Whether access tokens are bound to the certificate that they are asked for with (RFC 8705
  // section 3); all of `authentications` have one then.
  bool certificate_bound_access_tokens = false;
};

// What kind of token a signature is checked of: another kind's `typ` is refused (RFC 8725 section
// 3.11).
enum class TokenKind {
  kIdToken,      // `JWT` or none
  kUserInfo,     // the same
  kLogoutToken,  // `logout+jwt`; or `JWT` or none, as the providers do that came before it
};

// How strictly this provider is read; each switch loosens one pinned decision.
struct ProviderRules {
  absl::Duration clock_skew = absl::Seconds(60);
  bool require_issuer_parameter = false;  // RFC 9207 even where the metadata does not promise it
  bool strict_authorized_party = true;    // Core 12.2
  bool strict_auth_time = true;
  bool logout_token_expiry_required = true;  // Back-Channel Logout 2.4
  absl::Duration default_access_token_lifetime = absl::Minutes(5);
  absl::Duration reuse_leeway =
      absl::ZeroDuration();  // how long a rotated refresh token still works
};

// What is known of a request that failed: whether the provider may have acted on it.
enum class Delivery {
  kNotSent,   // no byte of it left: repeat freely
  kAnswered,  // the provider answered that it did not act on it
  kUnknown,   // it may have been acted on
};

// What came of presenting a refresh token.
struct RefreshAnswer {
  // Errors: those of oauth::ParseTokenResponse; DeliveryOf tells what is known.
  absl::StatusOr<oauth::TokenResponse> tokens = absl::UnknownError("not sent");
  // The new refresh token of an answer that is refused for something else in it.
  std::optional<Secret> rotated;
};

// Reads the delivery off an error that a Provider returned.
Delivery DeliveryOf(const absl::Status& status);

// Thread-safe. Every call that goes out may fail with PROVIDER_UNAVAILABLE, PROVIDER_RATE_LIMITED
// (both with RetryInfo), LIMIT_REACHED, PROVIDER_MISCONFIGURED, PROVIDER_RESPONSE_INVALID and
// DEADLINE_EXCEEDED.
class Provider {
 public:
  virtual ~Provider() = default;

  virtual const std::string& name() const = 0;
  virtual const std::string& issuer() const = 0;
  virtual const ProviderRules& rules() const = 0;

  // Discovered on first use and kept; from configuration for a provider without discovery.
  // Suspends: up to one network round trip, shared by all who wait.
  virtual Task<std::shared_ptr<const oauth::ProviderMetadata>> Metadata(absl::Time deadline) = 0;

  // Verifies the signature of a token that this provider must have signed, refetching its keys
  // where the token names one that is not known yet (limited by a token bucket). A token that is
  // signed with a shared secret needs none. `token` is not encrypted any more; `protection` must
  // outlive the task. Errors: those of jose::VerifyJws.
  virtual Task<jose::Jwt> VerifySignature(const TokenProtection& protection, TokenKind kind,
                                          Secret token, absl::Time deadline) = 0;

  // The same for an authorization response (JARM), which must be signed with `algorithm`: the one
  // that the client is registered with.
  virtual Task<jose::Jwt> VerifyAuthorizationResponse(Secret response, jose::Algorithm algorithm,
                                                      absl::Time deadline) = 0;

  // Hands an authorization request over in advance (RFC 9126). Nothing is repeated where the
  // provider may have taken it, except that on `invalid_client` the next authentication is tried.
  // Errors: those of oauth::ParsePushedAuthorization; PROVIDER_MISCONFIGURED where the provider has
  // no such endpoint.
  virtual Task<oauth::PushedAuthorization> PushAuthorizationRequest(
      const Registration& registration, oauth::Parameters parameters, absl::Time deadline) = 0;

  // Waits until a token request may leave, as the provider's limits and its health allow. Taken
  // before anything is written down for the request: what is refused here was never begun.
  // Errors: PROVIDER_UNAVAILABLE while its circuit breaker is open, PROVIDER_RATE_LIMITED while the
  // provider or the configured rate allows none, LIMIT_REACHED where too many wait already, all
  // with RetryInfo; DEADLINE_EXCEEDED. Suspends: until there is room.
  virtual Task<Permit> AdmitTokenRequest(Urgency urgency, absl::Time deadline) = 0;

  // Sends a token request. `permit` is that of AdmitTokenRequest; without one it is taken here, as
  // for a caller who waits. `registration` must outlive the task. With a `dpop_key` the request has
  // a proof, and the tokens that come are bound to the key (RFC 9449); without one they are bearer
  // tokens. Tokens of the other kind are refused.
  // Errors: those of oauth::ParseTokenResponse; DeliveryOf tells what is known.
  virtual Task<oauth::TokenResponse> RequestToken(const Registration& registration,
                                                  oauth::AuthorizationGrant grant,
                                                  oauth::DpopKey dpop_key, Permit permit,
                                                  absl::Time deadline) = 0;

  // Presents a refresh token (RFC 6749 section 6), otherwise as RequestToken. `may_leave` is asked
  // at the last moment before it leaves, on any thread: where it says no the error is CANCELLED,
  // and the request was not sent.
  virtual asio::awaitable<RefreshAnswer> Refresh(const Registration& registration,
                                                 oauth::RefreshToken refresh_token,
                                                 oauth::DpopKey dpop_key, Permit permit,
                                                 std::function<bool()> may_leave,
                                                 absl::Time deadline) = 0;

  // RFC 7009. OK also for a provider that does not know the token.
  // Errors: OPERATION_NOT_SUPPORTED where it has no revocation endpoint.
  virtual StatusTask Revoke(const Registration& registration, Secret token,
                            std::string token_type_hint, absl::Time deadline) = 0;

  // RFC 7662: OK where the provider says that the access token is active, and this client's and
  // `subject`'s as far as it says whose it is. `registration` must outlive the task.
  // Errors: those of oauth::CheckIntrospection; OPERATION_NOT_SUPPORTED where it has no
  // introspection endpoint.
  virtual StatusTask ConfirmAccessToken(const Registration& registration, Secret access_token,
                                        std::string subject, absl::Time deadline) = 0;

  // OIDC Core 5.3; `sub` is checked to be `subject`, and a JWT is decrypted and verified.
  // `registration` is that of the client which the token is for, and must outlive the task; of its
  // authentications only client certificates are used. `dpop_key` is what the token is bound to;
  // null for a bearer token. Errors: OPERATION_NOT_SUPPORTED where it has no userinfo endpoint;
  // those of Decrypt, VerifySignature and oauth::CheckSignedUserInfo.
  virtual Task<Json> FetchUserInfo(const Registration& registration, Secret access_token,
                                   oauth::DpopKey dpop_key, std::string subject,
                                   absl::Time deadline) = 0;

  // How things stand right now. Cheap, never waits.
  virtual ProviderState state() const = 0;
};

}  // namespace tokenbroker::provider
