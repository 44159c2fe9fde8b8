// One access token that somebody watches: the newest there is of it, however many watch.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "base/mutex.h"
#include "broker/token_cache.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {

// Fed by one coroutine and read by many. Keeps the newest token alone: whoever is slow misses what
// came between. Thread-safe.
class WatchedToken {
 public:
  // `place` is a grant id, or CredentialsPlace of a client; scopes and audience as in
  // AccessTokenQuery.
  WatchedToken(std::string place, std::string audience, std::vector<std::string> scopes);

  const std::string& place() const { return place_; }
  const std::string& audience() const { return audience_; }
  const std::vector<std::string>& scopes() const { return scopes_; }
  const std::string& key() const { return key_; }  // CacheKey of all that

  struct Newest {
    TokenSnapshot token;  // null until the first is known
    // Tokens of one epoch follow each other by generation; after an interruption the store may have
    // gone back.
    std::uint64_t epoch = 0;
    absl::Status end;  // not OK: there will be no more, and why
  };
  Newest newest() const ABSL_LOCKS_EXCLUDED(mutex_);

  // --- for those who watch ---

  // `watcher` is woken whenever there is news, until it leaves.
  void Join(std::shared_ptr<WakeUp> watcher) ABSL_LOCKS_EXCLUDED(mutex_);
  void Leave(const std::shared_ptr<WakeUp>& watcher) ABSL_LOCKS_EXCLUDED(mutex_);

  // --- for the feed ---

  // `feed` is woken when nobody needs the feed any more.
  void SetFeed(std::shared_ptr<WakeUp> feed) ABSL_LOCKS_EXCLUDED(mutex_);
  void Publish(TokenSnapshot token, std::uint64_t epoch) ABSL_LOCKS_EXCLUDED(mutex_);
  // The first end stays.
  void End(absl::Status why) ABSL_LOCKS_EXCLUDED(mutex_);

  // Nobody will watch it from now on.
  void Abandon() ABSL_LOCKS_EXCLUDED(mutex_);
  bool abandoned() const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  void WakeWatchers() const ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::string place_;
  const std::string audience_;
  const std::vector<std::string> scopes_;
  const std::string key_;

  mutable Mutex mutex_;
  Newest newest_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::shared_ptr<WakeUp>> watchers_ ABSL_GUARDED_BY(mutex_);
  std::shared_ptr<WakeUp> feed_ ABSL_GUARDED_BY(mutex_);
  bool abandoned_ ABSL_GUARDED_BY(mutex_) = false;
};

}  // namespace tokenbroker::broker
