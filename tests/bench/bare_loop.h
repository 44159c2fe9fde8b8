// What token requests cost at the least: libcurl's multi interface and nothing around it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace tokenbroker::bench {

// Posts refresh requests to `url` for `seconds`, `in_flight` at a time, from the calling thread.
// How many were answered. Ends the process where one fails.
std::uint64_t RunBareLoop(const std::string& url, std::size_t in_flight, double seconds);

}  // namespace tokenbroker::bench
