// Follows a client's own token for those who watch it.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>

#include "asio/this_coro.hpp"
#include "base/error.h"
#include "broker/lifetime.h"
#include "broker/pause.h"
#include "broker/token_feed.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {
namespace {

constexpr absl::Duration kPatience = absl::Minutes(2);

absl::Time RenewAt(const CachedToken& token, const Client& client) {
  const grants::AccessToken times{.expires_at = token.expires_at, .obtained_at = token.obtained_at};
  return RefreshAfter(CredentialsPlace(client.name), times, client.refresh);
}

}  // namespace

asio::awaitable<void> FeedFromCredentials(std::shared_ptr<FeedContext> context,
                                          std::shared_ptr<WatchedToken> watched,
                                          std::string client) {
  const auto wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
  const auto listening = context->changes.Listen(watched->place(), [wake_up] { wake_up->Wake(); });
  watched->SetFeed(wake_up);
  TokenSnapshot held;
  absl::Time not_before = absl::InfinitePast();
  Backoff backoff(absl::Seconds(1), absl::Minutes(1));
  while (!watched->abandoned()) {
    // As it is configured now: its secret may have been replaced.
    const ClientPtr configured = context->clients.FindAny(client);
    if (configured == nullptr || !configured->allows_client_credentials) {
      watched->End(Error(Reason::kClientUnknown));
      break;
    }
    // A caller may have had it replaced. The store has no say in it, so neither has its absence.
    if (TokenSnapshot cached = context->cache.FindUntrusted(watched->key())) {
      held = std::move(cached);
    }
    const absl::Time now = context->clock.Now();
    if (held != nullptr && held->expires_at > now) watched->Publish(held, 0);
    const absl::Time due = held ? std::max(RenewAt(*held, *configured), not_before) : not_before;
    if (due > now) {
      co_await wake_up->Wait(std::min(due - now, kLongestFeedWait));
      continue;
    }
    auto request = context->RequestOwnToken(configured, *watched, now + kPatience);
    if (!request) break;
    auto token = co_await *std::move(request);
    absl::Duration pause = kLeastBetweenRenewals;
    if (token.ok()) {
      held = *std::move(token);
      backoff.Reset();
    } else {
      pause = std::max(backoff.Next(), RetryAfterOf(token.status()).value_or(absl::ZeroDuration()));
    }
    not_before = context->clock.Now() + pause;
  }
}

}  // namespace tokenbroker::broker
