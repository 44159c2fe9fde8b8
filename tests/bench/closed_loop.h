// A client that keeps a number of calls in flight and begins the next when one ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

namespace tokenbroker::bench {

struct Load {
  std::string address;
  std::string bearer;       // shown with each call; empty: nothing is
  std::string traceparent;  // the same
  std::size_t in_flight = 32;
  std::size_t connections = 1;
};

// Calls GetAccessToken for `duration` from the calling thread and returns how many calls ended
// well. Ends the process where one does not.
std::uint64_t RunClosedLoop(const Load& load, std::chrono::duration<double> duration);

}  // namespace tokenbroker::bench
