// What keeps a watched token new: one coroutine for each, however many watch it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "asio/awaitable.hpp"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "broker/access_tokens.h"
#include "broker/client.h"
#include "broker/grant_changes.h"
#include "broker/refresh.h"
#include "broker/token_cache.h"
#include "broker/watched_token.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

// Between two attempts to renew, at least, whatever the lifetime of the tokens.
inline constexpr absl::Duration kLeastBetweenRenewals = absl::Seconds(1);
// A feed waits for nothing longer, so that a clock that was set is noticed.
inline constexpr absl::Duration kLongestFeedWait = absl::Minutes(10);

// What feeds work with. They may run on for a moment after the broker has gone, so that its own
// parts are had through here alone. Thread-safe.
class FeedContext {
 public:
  FeedContext(const Clients& all_clients, grants::GrantStore& a_store, const Clock& a_clock,
              TokenCache& a_cache, GrantChanges& all_changes, Runtime& a_runtime, Refresh& refresh,
              AccessTokens& access_tokens)
      : clients(all_clients),
        store(a_store),
        clock(a_clock),
        cache(a_cache),
        changes(all_changes),
        runtime(a_runtime),
        refresh_(&refresh),
        access_tokens_(&access_tokens) {}

  // From now on there is nothing to renew with.
  void Close() ABSL_LOCKS_EXCLUDED(mutex_);

  // A task that may outlive the broker; nothing once it is closed.
  std::optional<StatusTask> Renew(const std::string& grant_id, RefreshNeed need,
                                  absl::Time deadline) ABSL_LOCKS_EXCLUDED(mutex_);
  std::optional<Task<TokenSnapshot>> RequestOwnToken(ClientPtr client, const WatchedToken& watched,
                                                     absl::Time deadline)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // Outlive every feed.
  const Clients& clients;
  grants::GrantStore& store;
  const Clock& clock;
  TokenCache& cache;
  GrantChanges& changes;
  Runtime& runtime;

 private:
  Mutex mutex_;
  Refresh* refresh_ ABSL_GUARDED_BY(mutex_);
  AccessTokens* access_tokens_ ABSL_GUARDED_BY(mutex_);
};

// Follow the grant, or the client's own token, until it ends or nobody watches any more. Each
// replacement is published as soon as the store tells of it. The token is renewed from its refresh
// point on if nobody else does it, and the grant counts as used. While the store is away the last
// token stays; when it is back what changed meanwhile is published. `client` is the name of one.
//
// Ends with: REAUTHORIZATION_REQUIRED; what GetAccessToken would say of the grant as it is then.
asio::awaitable<void> FeedFromGrant(std::shared_ptr<FeedContext> context,
                                    std::shared_ptr<WatchedToken> watched);
asio::awaitable<void> FeedFromCredentials(std::shared_ptr<FeedContext> context,
                                          std::shared_ptr<WatchedToken> watched,
                                          std::string client);

}  // namespace tokenbroker::broker
