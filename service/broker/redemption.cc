#include "broker/redemption.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "broker/dpop.h"
#include "broker/id_token_check.h"
#include "broker/lifetime.h"
#include "broker/refresh_commit.h"
#include "broker/revocation.h"
#include "broker/token_confirmation.h"
#include "oauth/jwt_response.h"

namespace tokenbroker::broker {
namespace {

// 192 random bits, less what it takes not to begin with a dash: people hand it to command lines.
std::string NewGrantId() {
  std::string id = RandomToken(24);
  while (id.front() == '-') id = RandomToken(24);
  return id;
}

oauth::ExpectedIdToken Expected(const Redemption& redemption) {
  const Client& client = *redemption.client;
  const grants::PendingAuthorization& pending = redemption.pending;
  return {.issuer = pending.issuer,
          .client_id = client.registration.client_id,
          .nonce = &pending.nonce,
          .clock_skew = client.provider->rules().clock_skew,
          .max_issued_ago = client.id_token_max_issued_ago,
          .max_age = pending.max_age,
          .essential_acr_values = pending.acr_values,
          .organization = pending.organization};
}

// JARM section 2.4: of a response that is a JWT, only what is verified counts, an error included.
// One that nobody asked for is left closed, and so refused.
StatusTask OpenResponse(Redemption& redemption) {
  oauth::AuthorizationResponse& response = redemption.response;
  if (!response.response || !oauth::IsJwtSecured(redemption.pending.response_mode)) {
    co_return absl::OkStatus();
  }
  const Client& client = *redemption.client;
  Secret jwt = response.response->Copy();
  const absl::Time deadline = redemption.clock.Now() + client.refresh.request_timeout;
  auto verified = co_await client.provider->VerifyAuthorizationResponse(
      std::move(jwt), client.authorization_signed_response_alg, deadline);
  if (!verified.ok()) co_return verified.status();
  CO_RETURN_IF_ERROR(provider::CheckProfile(*verified, client.registration.id_token));
  auto claims = jose::ParseClaims(*verified);
  if (!claims.ok()) co_return claims.status();
  const oauth::ExpectedJwtResponse expected{.issuer = redemption.pending.issuer,
                                            .client_id = client.registration.client_id,
                                            .clock_skew = client.provider->rules().clock_skew};
  auto opened =
      oauth::OpenJwtResponse(std::move(response), *claims, expected, redemption.clock.Now());
  if (!opened.ok()) co_return opened.status();
  response = *std::move(opened);
  co_return absl::OkStatus();
}

// The ID token of the front channel, if the response type has one (OIDC Core 3.3.2.9 to 3.3.2.12).
Task<std::optional<oauth::IdTokenFacts>> CheckFrontChannel(const Redemption& redemption) {
  const oauth::AuthorizationResponse& response = redemption.response;
  if (!response.id_token) co_return std::nullopt;
  Secret token = response.id_token->Copy();
  const absl::Time deadline = redemption.clock.Now() + redemption.client->refresh.request_timeout;
  auto verified = co_await VerifyToken(*redemption.client, provider::TokenKind::kIdToken,
                                       std::move(token), deadline);
  if (!verified.ok()) co_return verified.status();
  const absl::Time now = redemption.clock.Now();
  auto facts = oauth::ValidateIdToken(verified->claims, Expected(redemption), now);
  if (!facts.ok()) co_return facts.status();
  const Secret* front_token = response.access_token ? &*response.access_token : nullptr;
  CO_RETURN_IF_ERROR(
      oauth::CheckHashes(verified->jwt, verified->claims,
                         {.code = &*response.code,
                          .code_hash_required = true,
                          .access_token = front_token,
                          .access_token_hash_required = front_token != nullptr,
                          .state = &response.state,
                          .state_hash_required = redemption.client->requires_state_hash}));
  co_return std::optional(*std::move(facts));
}

struct BackChannelIdToken {
  Secret signed_token;
  oauth::IdTokenFacts facts;
  Json claims;
};

// The ID token of the token endpoint, which every sign-in must have (3.1.3.7, 3.1.3.8, 3.3.3.6).
// Its hashes bind what came with it, not what came through the browser.
Task<BackChannelIdToken> CheckBackChannel(const Redemption& redemption,
                                          const oauth::TokenResponse& response,
                                          const std::optional<oauth::IdTokenFacts>& front) {
  if (!response.id_token) co_return Error(Reason::kIdTokenMissing);
  Secret token = response.id_token->Copy();
  const absl::Time deadline = redemption.clock.Now() + redemption.client->refresh.request_timeout;
  auto verified = co_await VerifyToken(*redemption.client, provider::TokenKind::kIdToken,
                                       std::move(token), deadline);
  if (!verified.ok()) co_return verified.status();
  const absl::Time now = redemption.clock.Now();
  auto facts = oauth::ValidateIdToken(verified->claims, Expected(redemption), now);
  if (!facts.ok()) co_return facts.status();
  CO_RETURN_IF_ERROR(oauth::CheckHashes(verified->jwt, verified->claims,
                                        {.code = &*redemption.response.code,
                                         .access_token = &response.access_token,
                                         .state = &redemption.response.state}));
  if (front) {
    CO_RETURN_IF_ERROR(CheckSameEndUser(*front, *facts));
  }
  co_return BackChannelIdToken{.signed_token = std::move(verified->signed_token),
                               .facts = *std::move(facts),
                               .claims = std::move(verified->claims)};
}

grants::Grant MakeGrant(const Redemption& redemption, oauth::TokenResponse& response,
                        oauth::IdTokenFacts facts, absl::Time sent_at) {
  const grants::PendingAuthorization& pending = redemption.pending;
  const absl::Time now = redemption.clock.Now();
  grants::Grant grant{.id = NewGrantId(),
                      .caller = pending.caller,
                      .client = pending.client,
                      .provider = redemption.client->provider->name(),
                      .id_token = std::move(facts),
                      .raw_id_token = std::move(response.id_token),
                      .nonce = pending.nonce.Copy(),
                      .scopes = response.scopes.value_or(pending.scopes),
                      .audience = pending.audience,
                      .created_at = now,
                      .last_used_at = now,
                      .generation = 1,
                      .refresh_token = std::move(response.refresh_token),
                      .dpop_key = grants::CopyOf(pending.dpop_key)};
  grants::AccessToken token = KeepAccessToken(response, grant.scopes, *redemption.client, sent_at);
  grant.access_tokens.emplace(grants::TokenSelector{}, std::move(token));
  if (grant.refresh_token) grant.next_refresh_at = NextRefresh(grant, redemption.client->refresh);
  grant.ends_at = EndOf(grant, *redemption.client, now);
  return grant;
}

// The code is spent and the tokens are nowhere else.
StatusTask StoreGrant(const Redemption& redemption, grants::Grant grant,
                      const grants::CallbackOutcome& outcome) {
  grants::GrantCommit commit{.grant = grant.Copy()};
  grants::FinishedSignIn sign_in{redemption.response.state.Copy(), outcome.Copy()};
  const auto held = redemption.answers->Hold(std::move(commit), std::move(sign_in));
  absl::Status stored = co_await CreateUntilStored(redemption.store, std::move(grant), held);
  held->Settle();
  co_return stored;
}

oauth::AuthorizationGrant CodeGrant(const Redemption& redemption) {
  const grants::PendingAuthorization& pending = redemption.pending;
  const auto& resources = pending.resources;
  // RFC 8707 section 2.2: a token for each resource, and the grant's own is for this one.
  const bool by_resource =
      std::find(resources.begin(), resources.end(), pending.audience) != resources.end();
  return oauth::AuthorizationCode{.code = redemption.response.code->Copy(),
                                  .redirect_uri = redemption.pending.redirect_uri,
                                  .code_verifier = redemption.pending.code_verifier.Copy(),
                                  .resources = by_resource
                                                   ? std::vector<std::string>{pending.audience}
                                                   : std::vector<std::string>{}};
}

}  // namespace

Task<grants::CallbackOutcome> Redeem(Redemption redemption) {
  const Client& client = *redemption.client;
  const absl::Time deadline = redemption.clock.Now() + client.refresh.request_timeout;
  auto metadata = co_await client.provider->Metadata(deadline);
  if (!metadata.ok()) co_return metadata.status();
  CO_RETURN_IF_ERROR(CheckConfirmable(client, **metadata));
  const bool issuer_promised = client.requires_issuer_parameter ||
                               client.provider->rules().require_issuer_parameter ||
                               (*metadata)->authorization_response_iss_parameter_supported;
  absl::Status opened = co_await OpenResponse(redemption);
  if (!opened.ok()) co_return opened;
  CO_RETURN_IF_ERROR(CheckAuthorizationResponse(
      redemption.response, {.issuer = redemption.pending.issuer,
                            .issuer_parameter_required = issuer_promised,
                            .redirect_uri = redemption.pending.redirect_uri,
                            .response_type = redemption.pending.response_type,
                            .response_mode = redemption.pending.response_mode}));
  auto front = co_await CheckFrontChannel(redemption);
  if (!front.ok()) co_return front.status();

  CO_ASSIGN_OR_RETURN(oauth::DpopKey dpop_key, Load(redemption.pending.dpop_key));
  oauth::AuthorizationGrant request = CodeGrant(redemption);
  const absl::Time sent_at = redemption.clock.Now();
  const absl::Time exchange_deadline = sent_at + client.refresh.request_timeout;
  oauth::DpopKey proving_key = dpop_key;
  auto response = co_await client.provider->RequestToken(
      client.registration, std::move(request), std::move(proving_key), std::move(redemption.permit),
      exchange_deadline);
  if (!response.ok()) co_return response.status();

  std::vector<IssuedToken> issued = TokensOf(*response);
  auto back = co_await CheckBackChannel(redemption, *response, *front);
  if (!back.ok()) {
    redemption.revocations.Submit(client, std::move(issued));
    co_return AsProviderFault(back.status());
  }
  Secret shown = response->access_token.Copy();
  std::string subject = back->facts.subject;
  absl::Status confirmed = co_await ConfirmAccessToken(client, std::move(shown), std::move(subject),
                                                       std::move(dpop_key), redemption.clock);
  if (!confirmed.ok()) {
    redemption.revocations.Submit(client, std::move(issued));
    co_return confirmed;
  }
  response->id_token = std::move(back->signed_token);
  grants::Grant grant = MakeGrant(redemption, *response, std::move(back->facts), sent_at);
  grants::CallbackOutcome outcome{.grant_id = grant.id,
                                  .id_token_claims = Secret::Take(back->claims.dump())};
  // Only a token that an ID token's at_hash bound may be passed on (RFC 9700 section 2.1.2).
  const bool bound = redemption.response.id_token && redemption.response.access_token;
  if (bound && client.expose_front_channel_access_token) {
    outcome.front_channel_access_token = redemption.response.access_token->Copy();
  }
  absl::Status stored = co_await StoreGrant(redemption, std::move(grant), outcome);
  if (!stored.ok()) {
    redemption.revocations.Submit(client, std::move(issued));
    co_return stored;
  }
  co_return outcome;
}

}  // namespace tokenbroker::broker
