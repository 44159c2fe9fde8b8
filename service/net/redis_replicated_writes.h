// Writes whose answer waits until replicas have them (WAIT): what narrows the loss when a primary
// dies before it has passed on what it acknowledged.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "asio/cancellation_signal.hpp"
#include "base/clock.h"
#include "base/mutex.h"
#include "net/completion.h"
#include "net/redis_connection.h"
#include "net/redis_session.h"
#include "net/runtime.h"

namespace tokenbroker {

struct RedisReplication {
  // How many replicas must have a write before it counts as made; 0: none. Nothing: every one that
  // could take the primary's place, at least one, where there is something that replaces primaries.
  std::optional<int> wait_replicas = 0;
  // How long that is waited for; shorter than half the options' command_timeout, since a write may
  // come just after another wait has begun. A write that fewer have by then does not count, though
  // it cannot be taken back either.
  absl::Duration wait_timeout = absl::Milliseconds(500);
  // Called with every wait that ended with too few replicas. On one of the runtime's threads, which
  // it must not block. May be empty.
  std::function<void()> on_too_few = {};
  // With `wait_replicas` left out: how many could take the place of the primary that this is for,
  // as those see it who would replace it; nothing while that is not known, and then no write
  // counts. Set by RedisServers; empty: nobody replaces it, and nothing is waited for. Thread-safe.
  std::function<std::optional<int>()> promotable = {};
};

// Whether writes are to be waited for at all.
bool Waits(const RedisReplication& replication);

// One connection of its own, since WAIT holds up whatever comes after it. All writes that are
// answered during one WAIT share the next, so their number costs nothing.
//
// Thread-safe. To be owned by a shared_ptr; nothing that is under way owns it.
class RedisReplicatedWrites : public std::enable_shared_from_this<RedisReplicatedWrites> {
 public:
  // Starts to connect. Borrows `runtime` and `clock`.
  RedisReplicatedWrites(Runtime& runtime, const Clock& clock,
                        std::shared_ptr<const RedisOptions> options, RedisReplication replication);
  // Ends what is under way with SHUTTING_DOWN.
  ~RedisReplicatedWrites();
  RedisReplicatedWrites(const RedisReplicatedWrites&) = delete;
  RedisReplicatedWrites& operator=(const RedisReplicatedWrites&) = delete;

  // RedisConnection::Start, then the wait. Where the connection breaks before the wait has ended,
  // or too few replicas have the writes by then (cause `too_few_replicas`), they may be lost on a
  // server that takes over: STORE_UNAVAILABLE with UNKNOWN. WAIT goes by the last write of the
  // connection: commands that are to be waited for must write, also where they are made again.
  //
  // WAIT says how many have a write, not which. So where all that could be promoted must have it,
  // those must too that are not among them and confirm writes all the same: one of these would
  // stand in for one of the others otherwise.
  void Start(std::vector<RedisCommand> commands, Completion<std::vector<RedisReply>> done,
             asio::cancellation_slot slot);

  void Reconnect() { connection_.Reconnect(); }

 private:
  // A write that was answered.
  struct Answered {
    std::vector<RedisReply> replies;
    Completion<std::vector<RedisReply>> done;
    std::uint64_t session = 0;  // that answered it
  };

  void WaitFor(Answered answered) ABSL_LOCKS_EXCLUDED(mutex_);
  void StartWait() ABSL_LOCKS_EXCLUDED(mutex_);
  // How many must have a write that is waited for now; nothing where that is not known.
  std::optional<int> Required() const;
  // `required` is what it was when the wait began.
  void EndWait(std::optional<int> required, absl::StatusOr<std::vector<RedisReply>> result)
      ABSL_LOCKS_EXCLUDED(mutex_);
  bool IsEnough(std::optional<int> required, const std::vector<RedisReply>& replies)
      ABSL_LOCKS_EXCLUDED(mutex_);

  const RedisReplication replication_;
  RedisConnection connection_;

  Mutex mutex_;
  bool waiting_ ABSL_GUARDED_BY(mutex_) = false;
  int confirming_ ABSL_GUARDED_BY(mutex_) = 0;             // replicas, when a wait last ended
  std::vector<Answered> current_ ABSL_GUARDED_BY(mutex_);  // that the wait under way is for
  std::vector<Answered> next_ ABSL_GUARDED_BY(mutex_);     // answered since it began
};

}  // namespace tokenbroker
