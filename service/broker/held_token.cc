#include "broker/held_token.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "base/error.h"
#include "base/status_macros.h"
#include "broker/dpop.h"
#include "broker/grant_uses.h"
#include "broker/lifetime.h"

namespace tokenbroker::broker {

absl::StatusOr<grants::TokenSelector> SelectToken(const std::vector<std::string>& scopes,
                                                  const std::string& audience,
                                                  const grants::Grant& grant,
                                                  const Client& client) {
  grants::TokenSelector selector;
  if (!scopes.empty()) {
    auto wanted = oauth::Scopes::FromValues(scopes);
    if (!wanted.ok()) return FieldError("scopes", "holds a value that is no scope");
    if (!grant.scopes.Covers(*wanted)) {
      return Error(Reason::kScopeNotAllowed, {{"because", "not granted"}});
    }
    if (*wanted != grant.scopes) selector.scopes = *std::move(wanted);
  }
  if (!audience.empty() && audience != grant.audience) {
    if (!MayTarget(client, audience)) {
      return Error(Reason::kAudienceNotAllowed, {{"audience", audience}});
    }
    selector.audience = audience;
  }
  return selector;
}

absl::StatusOr<TokenSnapshot> TakeSnapshot(const grants::Grant& grant,
                                           const grants::TokenSelector& selector,
                                           const Client& client) {
  const grants::AccessToken& held = grant.access_tokens.at(selector);
  ASSIGN_OR_RETURN(oauth::DpopKey dpop_key, Load(grant.dpop_key));
  auto token = std::make_shared<CachedToken>();
  token->grant_id = grant.id;
  token->owner = grant.caller;
  token->client = grant.client;
  token->selector = selector;
  token->value = held.value.Copy();
  token->token_type = held.token_type;
  token->dpop_key = std::move(dpop_key);
  token->expires_at = held.expires_at;
  token->obtained_at = held.obtained_at;
  token->refresh_after =
      grant.refresh_token ? RefreshAfter(grant.id, held, client.refresh) : absl::InfiniteFuture();
  token->scopes = held.scopes.values();
  token->audience = selector.audience.empty() ? grant.audience : selector.audience;
  token->generation = grant.generation;
  token->note_use_every = UseGranularity(client.refresh);
  token->note_use_after = absl::ToUnixNanos(grant.last_used_at + token->note_use_every);
  return TokenSnapshot(std::move(token));
}

// `openid` alone lets nobody do anything.
bool MayHave(const Asker& asker, const std::vector<std::string>& scopes,
             const std::string& audience) {
  const bool scopes_fit =
      !asker.scopes || std::all_of(scopes.begin(), scopes.end(), [&](const std::string& scope) {
        return scope == "openid" || asker.scopes->Contains(scope);
      });
  const bool audience_fits =
      !asker.audiences || audience.empty() || asker.audiences->contains(audience);
  return scopes_fit && audience_fits;
}

absl::Status CheckRelease(const Asker& asker, const CachedToken& token) {
  if (MayHave(asker, token.scopes, token.audience)) return absl::OkStatus();
  return Error(Reason::kScopeNotAllowed, {{"because", "policy"}});
}

absl::Status Ended(const grants::Grant& grant) {
  // One whose tokens were taken from it a moment before its end is stored knows why already.
  return Error(Reason::kReauthorizationRequired,
               {{"because", grant.ended_because.empty() ? "no_refresh_token" : grant.ended_because},
                {"grant_id", grant.id}});
}

}  // namespace tokenbroker::broker
