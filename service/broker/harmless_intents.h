// Intents in the store that are known to have spent nothing.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "base/mutex.h"
#include "grants/grant.h"

namespace tokenbroker::broker {

// An intent says that its refresh token may be spent. This replica knows better of some of its own:
// the request never left, or was refused, and the store could not be told. Without that knowledge
// the grant would have to wait for the end of its access token. Thread-safe.
class HarmlessIntents {
 public:
  // Of more than `most` grants the oldest are forgotten, which loses nothing but time.
  explicit HarmlessIntents(std::size_t most) : most_(most) {}

  // `before` is the intent that counted when `harmless` took its place: it counts again.
  void Remember(const std::string& grant_id, grants::RefreshIntent harmless,
                std::optional<grants::RefreshIntent> before) ABSL_LOCKS_EXCLUDED(mutex_);

  // The intent of the grant that counts: its own, or what a harmless one has taken the place of.
  std::optional<grants::RefreshIntent> Standing(const grants::Grant& grant) const
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Known {
    grants::RefreshIntent harmless;
    std::optional<grants::RefreshIntent> before;
  };

  const std::size_t most_;
  mutable Mutex mutex_;
  absl::flat_hash_map<std::string, Known> by_grant_ ABSL_GUARDED_BY(mutex_);
  std::deque<std::string> order_ ABSL_GUARDED_BY(mutex_);  // in which the grants came
};

}  // namespace tokenbroker::broker
