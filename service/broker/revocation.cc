#include "broker/revocation.h"

#include <utility>

#include "base/error.h"
#include "broker/pause.h"

namespace tokenbroker::broker {
namespace {

constexpr char kRefreshToken[] = "refresh_token";
constexpr char kAccessToken[] = "access_token";
constexpr int kBackgroundAttempts = 5;

bool IsTransient(const absl::Status& status) {
  return absl::IsUnavailable(status) || absl::IsDeadlineExceeded(status) ||
         absl::IsResourceExhausted(status);
}

asio::awaitable<void> RevokeWithRetries(ClientPtr client, std::vector<IssuedToken> tokens,
                                        const Clock& clock) {
  Backoff backoff(absl::Seconds(1), absl::Seconds(30));
  for (int attempt = 0; attempt < kBackgroundAttempts; ++attempt) {
    std::vector<IssuedToken> copies;
    for (const IssuedToken& token : tokens) copies.push_back({token.value.Copy(), token.type});
    const absl::Time deadline = clock.Now() + client->refresh.request_timeout;
    const absl::Status revoked = co_await RevokeAtProvider(*client, std::move(copies), deadline);
    if (!IsTransient(revoked)) co_return;
    co_await Pause(backoff.Next());
  }
}

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

void RevokeInBackground(Runtime& runtime, ClientPtr client, std::vector<IssuedToken> tokens,
                        const Clock& clock) {
  runtime.Spawn(RevokeWithRetries(std::move(client), std::move(tokens), clock));
}

Revocation::Revocation(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                       Runtime& runtime)
    : clients_(clients), store_(store), clock_(clock), runtime_(runtime) {}

Task<RevokedGrant> Revocation::Revoke(const Asker& asker, std::string grant_id,
                                      absl::Time deadline) {
  std::string sought = grant_id;
  auto found = co_await store_.FindGrant(std::move(sought));
  if (!found.ok()) co_return found.status();
  if (!asker.MaySee(found->caller, found->client)) co_return Error(Reason::kGrantUnknown);

  std::string ended_id = grant_id;
  std::string because = "revoked";
  auto ended = co_await store_.EndGrant(std::move(ended_id), grants::GrantState::kRevoked,
                                        std::move(because), kTombstoneLifetime);
  if (!ended.ok()) co_return ended.status();
  std::vector<IssuedToken> tokens = TokensOf(*ended);
  const ClientPtr client = clients_.FindAny(ended->client);
  bool at_provider = false;
  if (client != nullptr && !tokens.empty()) {
    std::vector<IssuedToken> copies;
    for (const IssuedToken& token : tokens) copies.push_back({token.value.Copy(), token.type});
    const absl::Status revoked = co_await RevokeAtProvider(*client, std::move(copies), deadline);
    at_provider = revoked.ok();
    if (IsTransient(revoked)) RevokeInBackground(runtime_, client, std::move(tokens), clock_);
  }
  auto tombstone = co_await store_.FindGrant(std::move(grant_id));
  if (!tombstone.ok()) co_return tombstone.status();
  co_return RevokedGrant{.grant = *std::move(tombstone), .at_provider = at_provider};
}

}  // namespace tokenbroker::broker
