#include "broker/logout.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/id_token_check.h"
#include "broker/revocation.h"
#include "oauth/logout_request.h"
#include "oauth/logout_token.h"

namespace tokenbroker::broker {
namespace {

constexpr std::size_t kGrantsAtATime = 100;
constexpr std::size_t kMaxState = 2048;

absl::Status CheckWish(const LogoutWish& wish) {
  if (wish.grant_id.empty()) return FieldError("grant_id", "is missing");
  if (wish.state.size() > kMaxState) return FieldError("state", "is longer than 2048 bytes");
  if (!wish.state.empty() && wish.post_logout_redirect_uri.empty()) {
    return FieldError("state", "is handed back to post_logout_redirect_uri, which is missing");
  }
  return absl::OkStatus();
}

std::optional<std::string> IfGiven(std::string&& value) {
  return value.empty() ? std::nullopt : std::optional(std::move(value));
}

}  // namespace

Logout::Logout(const Clients& clients, grants::GrantStore& store, const Clock& clock,
               RevocationQueue revocations)
    : clients_(clients), store_(store), clock_(clock), revocations_(std::move(revocations)) {}

Task<Secret> Logout::CreateUrl(const Asker& asker, LogoutWish wish, absl::Time deadline) {
  CO_RETURN_IF_ERROR(CheckWish(wish));
  std::string grant_id = wish.grant_id;
  auto grant = co_await store_.FindGrant(std::move(grant_id));
  if (!grant.ok()) co_return grant.status();
  if (!asker.MaySee(grant->caller, grant->client)) co_return Error(Reason::kGrantUnknown);
  const ClientPtr client = clients_.FindAny(grant->client);
  if (client == nullptr || client->provider->issuer() != grant->id_token.issuer) {
    co_return Error(Reason::kClientUnknown);  // the configuration has moved on since
  }
  const auto& registered = client->post_logout_redirect_uris;
  if (!wish.post_logout_redirect_uri.empty() &&
      std::ranges::find(registered, wish.post_logout_redirect_uri) == registered.end()) {
    co_return Error(Reason::kRedirectUriNotRegistered, {{"client", client->name}});
  }
  auto metadata = co_await client->provider->Metadata(deadline);
  if (!metadata.ok()) co_return metadata.status();
  const auto& endpoint = (*metadata)->end_session_endpoint;
  if (!endpoint) {
    co_return Error(Reason::kOperationNotSupported,
                    {{"operation", "logout"}, {"provider", client->provider->name()}});
  }
  const oauth::LogoutRequest request{
      .id_token_hint = grant->raw_id_token ? &*grant->raw_id_token : nullptr,
      .client_id = client->registration.client_id,
      .post_logout_redirect_uri = IfGiven(std::move(wish.post_logout_redirect_uri)),
      .state = IfGiven(std::move(wish.state))};
  co_return oauth::BuildLogoutUrl(*endpoint, request);
}

Task<int> Logout::SubmitToken(const Asker& asker, SubmittedLogoutToken submitted,
                              absl::Time deadline) {
  if (submitted.client.empty()) co_return FieldError("client", "is missing");
  if (submitted.logout_token.empty()) co_return FieldError("logout_token", "is missing");
  CO_ASSIGN_OR_RETURN(const ClientPtr client, clients_.Find(submitted.client, asker));
  auto verified = co_await VerifyToken(*client, provider::TokenKind::kLogoutToken,
                                       std::move(submitted.logout_token), deadline);
  if (!verified.ok()) co_return verified.status();
  const provider::ProviderRules& rules = client->provider->rules();
  const oauth::ExpectedLogoutToken expected{.issuer = client->provider->issuer(),
                                            .client_id = client->registration.client_id,
                                            .clock_skew = rules.clock_skew,
                                            .expiry_required = rules.logout_token_expiry_required};
  CO_ASSIGN_OR_RETURN(const oauth::LogoutToken token,
                      oauth::ValidateLogoutToken(verified->claims, expected, clock_.Now()));

  const grants::TokenId id{
      .issuer = expected.issuer, .audience = expected.client_id, .token_id = token.token_id};
  grants::TokenId sought = id;
  auto seen = co_await store_.RemembersTokenId(std::move(sought));
  if (!seen.ok()) co_return seen.status();
  if (*seen) co_return 0;
  grants::GrantFilter filter{.subject = token.subject,
                             .issuer = expected.issuer,
                             .session_id = token.session_id,
                             .state = grants::GrantState::kActive};
  std::string client_id = expected.client_id;
  auto ended = co_await EndGrants(std::move(filter), std::move(client_id));
  if (!ended.ok()) co_return ended.status();
  // Last, so that a delivery that failed half way can be made again.
  grants::TokenId spent = id;
  absl::Status remembered =
      co_await store_.RememberTokenId(std::move(spent), token.valid_until - clock_.Now());
  if (!remembered.ok()) co_return remembered;
  co_return ended;
}

Task<int> Logout::EndGrants(grants::GrantFilter filter, std::string client_id) {
  int ended = 0;
  std::size_t unreadable = 0;
  std::string page_token;
  do {
    grants::GrantFilter copy = filter;
    auto page = co_await store_.ListGrants(std::move(copy), kGrantsAtATime, std::move(page_token));
    if (!page.ok()) co_return page.status();
    page_token = std::move(page->next_page_token);
    unreadable += page->unreadable;
    for (grants::Grant& grant : page->grants) {
      // The token is for whatever is registered as its audience, by whichever names.
      const ClientPtr client = clients_.FindAny(grant.client);
      if (client == nullptr || client->registration.client_id != client_id) continue;
      std::vector<IssuedToken> listed = TokensOf(grant);
      std::string because = "logout";
      auto was = co_await store_.EndGrant(std::move(grant.id), grants::GrantState::kRevoked,
                                          std::move(because), kTombstoneLifetime);
      if (HasReason(was.status(), Reason::kGrantUnknown)) continue;
      if (!was.ok()) {
        // It may have ended all the same, and a tombstone has no tokens.
        revocations_.Submit(*client, std::move(listed));
        co_return was.status();
      }
      if (was->state != grants::GrantState::kActive) continue;
      ++ended;
      revocations_.Submit(*client, TokensOf(*was));
    }
  } while (!page_token.empty());
  // One that must end may be among them: whoever delivers the token must not think that it has.
  if (unreadable > 0) co_return Error(Reason::kRecordUnreadable, {{"check", "logout"}});
  co_return ended;
}

}  // namespace tokenbroker::broker
