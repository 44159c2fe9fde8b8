#include "broker/revocation.h"

#include <algorithm>
#include <utility>

#include "base/error.h"

namespace tokenbroker::broker {
namespace {

constexpr char kRefreshToken[] = "refresh_token";
constexpr char kAccessToken[] = "access_token";
// How long who revokes waits for the provider; the queue has more time.
constexpr absl::Duration kPatience = absl::Seconds(3);

}  // namespace

std::vector<IssuedToken> TokensOf(const oauth::TokenResponse& response) {
  std::vector<IssuedToken> tokens;
  if (response.refresh_token) tokens.push_back({response.refresh_token->Copy(), kRefreshToken});
  tokens.push_back({response.access_token.Copy(), kAccessToken});
  return tokens;
}

std::vector<IssuedToken> TokensOf(const grants::Grant& grant) {
  std::vector<IssuedToken> tokens;
  if (grant.refresh_token) tokens.push_back({grant.refresh_token->Copy(), kRefreshToken});
  for (const auto& [selector, token] : grant.access_tokens) {
    tokens.push_back({token.value.Copy(), kAccessToken});
  }
  return tokens;
}

StatusTask RevokeAtProvider(const Client& client, std::vector<IssuedToken> tokens,
                            absl::Time deadline) {
  bool refresh_token_revoked = false;
  for (IssuedToken& token : tokens) {
    const bool is_refresh_token = token.type == kRefreshToken;
    absl::Status revoked = co_await client.provider->Revoke(
        client.registration, std::move(token.value), std::move(token.type), deadline);
    if (!revoked.ok() && !refresh_token_revoked) co_return revoked;
    refresh_token_revoked |= is_refresh_token;
  }
  co_return absl::OkStatus();
}

Revocation::Revocation(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                       RevocationQueue queue)
    : clients_(clients), store_(store), clock_(clock), queue_(std::move(queue)) {}

Task<RevokedGrant> Revocation::Revoke(const Asker& asker, std::string grant_id,
                                      absl::Time deadline) {
  std::string sought = grant_id;
  auto found = co_await store_.FindGrant(std::move(sought));
  if (!found.ok()) co_return found.status();
  if (!asker.MaySee(found->caller, found->client)) co_return Error(Reason::kGrantUnknown);

  // Kept before the grant ends: its tombstone has no tokens, so a crash in between would leave
  // nobody who could revoke them.
  const ClientPtr client = clients_.FindAny(found->client);
  grants::PendingRevocation revocation;
  const bool has_tokens = client != nullptr && !TokensOf(*found).empty();
  if (has_tokens) {
    revocation = queue_.New(*client, TokensOf(*found));
    grants::PendingRevocation kept = revocation.Copy();
    absl::Status status = co_await queue_.Keep(std::move(kept));
    if (HasReason(status, Reason::kStoreUnavailable)) co_return status;
  }
  std::string ended_id = grant_id;
  std::string because = "revoked";
  auto ended = co_await store_.EndGrant(std::move(ended_id), grants::GrantState::kRevoked,
                                        std::move(because), kTombstoneLifetime);
  if (!ended.ok()) co_return ended.status();
  bool at_provider = false;
  if (has_tokens) {
    if (ended->generation != found->generation && ended->state == grants::GrantState::kActive) {
      revocation.tokens = TokensOf(*ended);  // refreshed in the meantime
      grants::PendingRevocation kept = revocation.Copy();
      (void)co_await queue_.Keep(std::move(kept));
    }
    const absl::Time give_up = std::min(deadline, clock_.Now() + kPatience);
    at_provider = (co_await queue_.Try(std::move(revocation), give_up)).ok();
  }
  auto tombstone = co_await store_.FindGrant(std::move(grant_id));
  if (!tombstone.ok()) co_return tombstone.status();
  co_return RevokedGrant{.grant = *std::move(tombstone), .at_provider = at_provider};
}

}  // namespace tokenbroker::broker
