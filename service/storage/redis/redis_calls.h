// How the parts of the Redis store talk to Redis: several connections, scripts by their hash, and
// one way to say that Redis is away.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "base/clock.h"
#include "base/task.h"
#include "net/redis_connection.h"
#include "net/runtime.h"
#include "storage/redis/script.h"

namespace tokenbroker::storage {

// A command, or the run of a script.
struct RedisCall {
  const Script* script = nullptr;  // null: `words` is a whole command
  std::vector<std::string> words;  // for a script: how many keys, the keys, the arguments

  static RedisCall Command(std::vector<std::string> words) { return {nullptr, std::move(words)}; }
  static RedisCall Run(const Script& script, std::vector<std::string> keys,
                       std::vector<std::string> arguments);
};

// Thread-safe. Owns its connections.
class RedisCalls {
 public:
  // Starts to connect. Borrows `runtime` and `clock`. `connections` is at least 1.
  RedisCalls(Runtime& runtime, const Clock& clock, std::shared_ptr<const RedisOptions> options,
             std::size_t connections);

  // Makes the calls, in order, on the connection that belongs to `affinity`; no reply is a
  // RedisError. Calls whose connection broke before they were answered are made once more, which
  // all calls of this store can bear.
  // Errors: STORE_UNAVAILABLE with RetryInfo and a Delivery, where any of them failed; CANCELLED,
  // SHUTTING_DOWN; INTERNAL where Redis did not understand.
  // Suspends: one round trip; two when a script is new to the server.
  Task<std::vector<RedisReply>> Make(std::size_t affinity, std::vector<RedisCall> calls);

  // The same for one script. The words that it returned, of which there is at least one.
  Task<std::vector<std::string>> Run(std::size_t affinity, const Script& script,
                                     std::vector<std::string> keys,
                                     std::vector<std::string> arguments);

 private:
  RedisConnection& ConnectionFor(std::size_t affinity) const {
    return *connections_[affinity % connections_.size()];
  }

  std::vector<std::unique_ptr<RedisConnection>> connections_;
};

// An array of strings. Errors: INTERNAL where the reply is anything else.
absl::StatusOr<std::vector<std::string>> StringsOf(const RedisReply& reply);
// The same, of at least one: what a script returned.
absl::StatusOr<std::vector<std::string>> WordsOf(const RedisReply& reply);

// For what Redis should never answer. INTERNAL.
absl::Status UnexpectedReply();

}  // namespace tokenbroker::storage
