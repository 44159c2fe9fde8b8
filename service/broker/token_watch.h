// WatchAccessToken: a token and each one that replaces it.
#pragma once

#include <memory>

#include "absl/time/time.h"
#include "base/task.h"
#include "broker/access_tokens.h"
#include "broker/asker.h"
#include "broker/token_cache.h"
#include "broker/token_feed.h"

namespace tokenbroker::broker {

// One who watches. Thread-compatible: for one coroutine, always the same.
class TokenWatch {
 public:
  virtual ~TokenWatch() = default;

  // The current token at first, then the newest as soon as it is another than the last; what came
  // between is never seen. Suspends until there is one.
  // Errors: CANCELLED; what ends the watch, REAUTHORIZATION_REQUIRED with `because` where the grant
  // has ended; as UseCases::GetAccessToken.
  virtual Task<TokenSnapshot> Next() = 0;
};

// All who watch, and what they watch: equal wishes share one feed. Thread-safe. Borrows everything
// given to it.
class TokenWatches {
 public:
  TokenWatches(const Clients& clients, grants::GrantStore& store, const Clock& clock,
               TokenCache& cache, GrantChanges& changes, Runtime& runtime, Refresh& refresh,
               AccessTokens& access_tokens);
  // Watches that are still there see nothing new any more.
  ~TokenWatches();

  // Suspends: as AccessTokens::Get. `asker` must outlive the watch. Of a subject the grant that is
  // the newest now is watched, to its end.
  // Errors: as UseCases::GetAccessToken.
  Task<std::unique_ptr<TokenWatch>> Open(const Asker& asker, AccessTokenQuery query,
                                         absl::Time deadline);

 private:
  class Watched;
  class Seat;
  class SeatedWatch;

  AccessTokens& access_tokens_;
  const std::shared_ptr<Watched> watched_;
};

}  // namespace tokenbroker::broker
