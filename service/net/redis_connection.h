// Commands to one Redis server over one connection that comes back by itself.
//
//   RedisConnection redis(runtime, clock, options);
//   absl::StatusOr<RedisReply> reply = co_await redis.Command({"GET", key}, deadline);
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "absl/time/time.h"
#include "asio/cancellation_signal.hpp"
#include "base/clock.h"
#include "base/task.h"
#include "net/completion.h"
#include "net/delivery.h"
#include "net/redis_reply.h"
#include "net/redis_session.h"
#include "net/runtime.h"

namespace tokenbroker {

class RedisPipeline;

// Any number of commands may be under way: they are written together and answered in order. While a
// connection is being made commands wait for it; while the next attempt is due only later they fail
// at once, with RetryInfo. Not for commands that block (BLPOP); WAIT holds up what comes after it.
//
// Thread-safe. Destroying it ends what is under way with SHUTTING_DOWN. A coroutine that has not
// begun to run must not find it gone.
class RedisConnection {
 public:
  // Starts to connect. Borrows `runtime` and `clock` (which deadlines are measured by).
  RedisConnection(Runtime& runtime, const Clock& clock,
                  std::shared_ptr<const RedisOptions> options);
  ~RedisConnection();
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;

  // Sends `command` and waits for its reply, which may be a RedisError.
  //
  // Errors, each with a Delivery and a cause:
  //   STORE_UNAVAILABLE   no connection (NOT_SENT), or it broke before the reply (UNKNOWN)
  //   DEADLINE_EXCEEDED   `deadline` or the options' command_timeout passed
  //   LIMIT_REACHED       max_waiting_commands, or the command is too large; NOT_SENT
  //   CANCELLED, SHUTTING_DOWN
  // A command that timed out or was cancelled after it was sent may still be carried out.
  // Suspends: one round trip.
  Task<RedisReply> Command(RedisCommand command, absl::Time deadline);

  // The same for several commands, sent one right after the other with nothing in between; the
  // replies are in the order of the commands. Not a transaction.
  Task<std::vector<RedisReply>> Commands(std::vector<RedisCommand> commands, absl::Time deadline);

  // The same without a coroutine: no deadline but the options' command_timeout, and `done` is
  // called on one of the runtime's threads, which it must not block. There is at least one command.
  void Start(std::vector<RedisCommand> commands, Completion<std::vector<RedisReply>> done,
             asio::cancellation_slot slot);

  // Leaves the server and finds it anew, at once. What is under way there fails with UNKNOWN.
  void Reconnect();

  // Whether Redis can be asked right now. A hint.
  bool connected() const;
  // How many connections there have been: what was answered between two equal values was answered
  // over one.
  std::uint64_t sessions() const;

 private:
  const std::shared_ptr<RedisPipeline> pipeline_;
  const Clock& clock_;
};

}  // namespace tokenbroker
