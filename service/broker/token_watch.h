// WatchAccessToken: a token and each one that replaces it.
#pragma once

#include <functional>
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

  // Who asks, as policy has it now. The asker lives until it is called the next time.
  using Admission = std::function<Task<const Asker*>()>;

  // The current token at first, then the newest as soon as it is another than the last; what came
  // between is never seen. Suspends until there is one, and then calls `admission`, since a watch
  // may outlast the right to it. Errors: those of `admission`; CANCELLED; what ends the watch,
  // REAUTHORIZATION_REQUIRED with `because` where the grant has ended; as UseCases::GetAccessToken.
  virtual Task<TokenSnapshot> Next(Admission admission) = 0;
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

  // Suspends: as AccessTokens::Get. `asker` is asked no more once the watch is open. Of a subject
  // the grant that is the newest now is watched, to its end. Errors: as UseCases::GetAccessToken.
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
