// The servers that the benchmark compares. All answer tokenbroker.v1.TokenBroker/GetAccessToken.
#pragma once

#include <cstddef>
#include <functional>
#include <string>

namespace tokenbroker::bench {

// As long as a signed access token with a few claims is.
inline constexpr std::size_t kTokenBytes = 1200;
inline constexpr char kGrantId[] = "YmVuY2htYXJrLWdyYW50LTE";

// How the broker is told who calls.
enum class CallerProof { kNone, kJwt };

// Each serves on a free port of 127.0.0.1 with `queues` threads, calls `ready` with its address
// and, for a caller that needs one, the bearer token to show, and returns when `ready` does.
using Ready = std::function<void(const std::string& address, const std::string& bearer)>;

// A bare answer of the same bytes on gRPC's completion queues: no authentication, no policy, no
// log.
void ServeCompletionQueueEcho(std::size_t queues, const Ready& ready);
// The same on the callback API; `queues` does not matter.
void ServeCallbackEcho(std::size_t queues, const Ready& ready);
// The broker: gate, use cases, near cache, request log (to /dev/null), health and reflection.
void ServeBroker(CallerProof proof, std::size_t queues, const Ready& ready);

}  // namespace tokenbroker::bench
