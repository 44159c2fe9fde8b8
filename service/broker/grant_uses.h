// Tells the store which grants are asked for, seldom enough to cost nothing beside the asking.
#pragma once

#include "absl/time/time.h"
#include "broker/client.h"
#include "broker/token_cache.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

// How far behind the store's knowledge of the last use may be: a small part of `idle_after`, and no
// more than ten minutes.
absl::Duration UseGranularity(const RefreshRules& rules);

// Thread-safe. Borrows everything given to it; a note that is on its way may outlast it, but not
// those.
class GrantUses {
 public:
  GrantUses(grants::GrantStore& store, Runtime& runtime) : store_(store), runtime_(runtime) {}

  // Notes that `token` is handed out at `now`. Without I/O where the store has been told lately;
  // never waits. Best effort.
  void Note(const CachedToken& token, absl::Time now) const;

 private:
  grants::GrantStore& store_;
  Runtime& runtime_;
};

}  // namespace tokenbroker::broker
