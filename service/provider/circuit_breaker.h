// An endpoint that fails and fails is left alone for a while, and then tried with one request.
#pragma once

#include <cstdint>
#include <optional>

#include "absl/time/time.h"
#include "provider/provider_state.h"

namespace tokenbroker::provider {

struct BreakerOptions {
  // Failures in a row, after which it opens; at least 1.
  int failures = 5;
  // How long it is open; doubled with each probe that fails, up to the longest, with jitter:
  // between half of that and all of it.
  absl::Duration open_for = absl::Seconds(5);
  absl::Duration open_for_at_most = absl::Minutes(1);
};

// Thread-compatible. What counts as a failure is for the caller to say: no answer, or a 5xx. An
// answer of any other kind, a refusal too, shows that the endpoint lives.
class CircuitBreaker {
 public:
  // One request, told from those that left before the breaker last changed: theirs is old news.
  using Attempt = std::uint64_t;

  explicit CircuitBreaker(BreakerOptions options) : options_(options) {}

  // How long to wait before asking again; nothing where a request may leave.
  std::optional<absl::Duration> Blocked(absl::Time now) const;
  // A request leaves. To be called where nothing is blocked; of a half-open breaker it is the
  // probe.
  Attempt Begin(absl::Time now);

  // What became of it; the first word counts. An abandoned one says nothing of the endpoint.
  void Succeeded(Attempt attempt);
  void Failed(Attempt attempt, absl::Time now);
  void Abandoned(Attempt attempt);

  BreakerState state(absl::Time now) const;
  int consecutive_failures() const { return failures_; }
  std::optional<absl::Time> open_until(absl::Time now) const;

 private:
  bool IsOpen(absl::Time now) const;
  void Open(absl::Time now);

  const BreakerOptions options_;
  int failures_ = 0;
  int openings_ = 0;  // in a row; 0: closed
  bool probing_ = false;
  absl::Time open_until_ = absl::InfinitePast();
  Attempt epoch_ = 0;
};

}  // namespace tokenbroker::provider
