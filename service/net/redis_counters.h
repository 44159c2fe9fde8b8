// What all connections to Redis count together.
#pragma once

#include <atomic>
#include <cstdint>

namespace tokenbroker {

// Thread-safe. Not the connections that only listen.
struct RedisCounters {
  std::atomic<std::int64_t> connections = 0;  // that there are to be
  std::atomic<std::int64_t> connected = 0;    // of them: those that can be asked
  std::atomic<std::int64_t> unanswered = 0;   // batches of commands that somebody waits for
  std::atomic<std::uint64_t> reconnects = 0;  // since start
};

}  // namespace tokenbroker
