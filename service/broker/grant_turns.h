// Whose turn it is to refresh a grant in this replica. All tokens of a grant come from one refresh
// token, so flights for different selections of it follow one another instead of contending for its
// lease.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "base/task.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {

// Thread-safe. Outlives its turns.
class GrantTurns {
 public:
  // Ends when it is destroyed, and the next in line goes on.
  class Turn {
   public:
    Turn(Turn&& other) noexcept
        : turns_(std::exchange(other.turns_, nullptr)), grant_id_(std::move(other.grant_id_)) {}
    Turn& operator=(Turn&&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->End(grant_id_);
    }

   private:
    friend class GrantTurns;
    Turn(GrantTurns* turns, std::string grant_id) : turns_(turns), grant_id_(std::move(grant_id)) {}

    GrantTurns* turns_;
    std::string grant_id_;
  };

  // Waits in line for at most `patience` of real time. Errors: LEASE_HELD, with RetryInfo.
  Task<Turn> Take(std::string grant_id, absl::Duration patience);
  // Nothing where somebody has it.
  std::optional<Turn> TryTake(std::string grant_id) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Waiter {
    std::shared_ptr<WakeUp> wake_up;
    bool has_turn = false;
  };
  using Line = std::deque<std::shared_ptr<Waiter>>;

  // Whether the turn was free, and is the caller's now.
  bool Join(const std::string& grant_id, std::shared_ptr<Waiter> waiter)
      ABSL_LOCKS_EXCLUDED(mutex_);
  // Ends the wait. Whether the waiter has got the turn.
  bool Leave(const std::string& grant_id, const std::shared_ptr<Waiter>& waiter)
      ABSL_LOCKS_EXCLUDED(mutex_);
  void End(const std::string& grant_id) ABSL_LOCKS_EXCLUDED(mutex_);

  Mutex mutex_;
  // Who waits, for each grant that is being refreshed.
  absl::flat_hash_map<std::string, Line> lines_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::broker
