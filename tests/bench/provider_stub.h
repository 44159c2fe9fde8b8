// The least that a provider can be: every POST gets a fresh access token, as fast as one thread can
// say so. In a process of its own.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace tokenbroker::bench {

// A refresh token that says when it was to be used: `RT.<microseconds since 1970>`. The stub
// reports how much later it came.
std::string RefreshTokenDueAt(std::int64_t unix_microseconds);

// How much later than they were due refresh tokens reached the stub, in milliseconds.
struct Lateness {
  std::uint64_t requests = 0;
  double p50 = 0;
  double p99 = 0;
  double longest = 0;
};

class ProviderStub {
 public:
  // Starts it, on a free port of 127.0.0.1.
  ProviderStub();
  ~ProviderStub();
  ProviderStub(const ProviderStub&) = delete;
  ProviderStub& operator=(const ProviderStub&) = delete;

  int port() const { return port_; }
  std::string token_endpoint() const;
  // Of what has come since the last call.
  Lateness TakeLateness() const;

 private:
  int pid_ = -1;
  int port_ = 0;
  int commands_ = -1;
  int answers_ = -1;
};

}  // namespace tokenbroker::bench
