// How the parts of the Redis store talk to Redis, whatever its topology: scripts by their hash, and
// one way to say that Redis is away.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "base/task.h"
#include "net/redis_servers.h"
#include "storage/redis/script.h"

namespace tokenbroker::storage {

// A command, or the run of a script. Its keys share a hash tag, since in a cluster it goes to the
// server of one slot: whatever changes keys of two slots is two calls, and the second is a hint
// that may be missing.
struct RedisCall {
  const Script* script = nullptr;  // null: `words` is a whole command, its key in second place
  std::vector<std::string> words;  // for a script: how many keys, the keys, the arguments
  // Whether the answer is to wait for replicas, where that is configured: for changes whose loss in
  // a failover would be a lost grant, or one that comes back.
  bool replicated = false;
  bool has_key = true;  // false: any server will do

  static RedisCall Command(std::vector<std::string> words) { return {nullptr, std::move(words)}; }
  static RedisCall Keyless(std::vector<std::string> words) {
    return {nullptr, std::move(words), false, false};
  }
  static RedisCall Run(const Script& script, std::vector<std::string> keys,
                       std::vector<std::string> arguments);
  RedisCall Replicated() && {
    replicated = true;
    return std::move(*this);
  }
};

// Thread-safe.
class RedisCalls {
 public:
  // Redis is asked again for up to `patience` where it says that it is about to answer (a slot on
  // its way to another server, a failover under way in a cluster).
  RedisCalls(std::unique_ptr<RedisServers> servers, absl::Duration patience);

  // Makes the calls and returns what became of each; no reply is a RedisError. Calls on one key are
  // made in their order, others in any; `affinity` picks the connection. Calls whose connection
  // broke before they were answered are made once more, which all calls of this store can bear.
  // Errors: STORE_UNAVAILABLE with RetryInfo and a Delivery; CANCELLED, SHUTTING_DOWN; INTERNAL
  // where Redis did not understand, or a call has keys of several slots.
  // Suspends: one round trip; two when a script is new to the server.
  asio::awaitable<std::vector<absl::StatusOr<RedisReply>>> MakeEach(std::size_t affinity,
                                                                    std::vector<RedisCall> calls);

  // The same where all must succeed: the first error is that of all.
  Task<std::vector<RedisReply>> Make(std::size_t affinity, std::vector<RedisCall> calls);

  // The same for one script. The words that it returned, of which there is at least one.
  Task<std::vector<std::string>> Run(std::size_t affinity, const Script& script,
                                     std::vector<std::string> keys,
                                     std::vector<std::string> arguments);

  // RedisServers::Listen; the result must go before this object.
  std::unique_ptr<RedisListening> Listen(RedisSubscription subscription,
                                         RedisSubscriberCallbacks callbacks);

 private:
  const std::unique_ptr<RedisServers> servers_;
  const absl::Duration patience_;
};

// An array of strings. Errors: INTERNAL where the reply is anything else.
absl::StatusOr<std::vector<std::string>> StringsOf(const RedisReply& reply);
// The same, of at least one: what a script returned.
absl::StatusOr<std::vector<std::string>> WordsOf(const RedisReply& reply);

// For what Redis should never answer. INTERNAL.
absl::Status UnexpectedReply();

}  // namespace tokenbroker::storage
