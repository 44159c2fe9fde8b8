// How things stand with one provider, for operators: read by the admin service and the metrics.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "provider/endpoint.h"
#include "provider/permit.h"

namespace tokenbroker::provider {

enum class BreakerState {
  kClosed,    // requests go out
  kOpen,      // none does, until `breaker_open_until`
  kHalfOpen,  // one does, to see whether the endpoint is back
};

// One endpoint as this replica sees it.
struct EndpointState {
  Endpoint endpoint = Endpoint::kToken;
  BreakerState breaker = BreakerState::kClosed;
  int consecutive_failures = 0;                  // connections and 5xx; an answer ends the row
  std::optional<absl::Time> breaker_open_until;  // while it is open
  std::optional<absl::Time> cool_down_until;     // while the provider wants nothing; fleet-wide
  // The configured rate of all replicas together, per second, and how many requests this replica
  // may send without asking the store again.
  std::optional<double> configured_rate;
  double tokens_in_hand = 0;
  // What the provider's headers said last: of so many requests, so many are left until then.
  std::optional<std::int64_t> advertised_limit;
  std::optional<std::int64_t> advertised_remaining;
  std::optional<absl::Time> advertised_reset;
  int waiting_for_rate = 0;  // requests that wait for their turn by the rate
  // Since start.
  std::uint64_t requests = 0;            // that were let through
  std::uint64_t failures = 0;            // of them: no answer, or a 5xx
  std::uint64_t rate_limited = 0;        // of them: refused by the provider's limit
  std::uint64_t refused_by_breaker = 0;  // not let through, because the breaker was open
  std::uint64_t refused_by_limit = 0;    // not let through, because of a limit
};

// A document that the provider publishes.
struct DocumentState {
  std::optional<absl::Time> fetched_at;     // none: never, or configured
  std::optional<absl::Time> failing_until;  // the last fetch failed; none is tried before
};

struct ProviderState {
  // Requests under way and waiting for a place, documents not counted.
  int in_flight = 0;
  int max_in_flight = 0;
  std::array<int, kPriorities> queued = {};  // by Priority
  int max_queued = 0;
  // Endpoints that a request was made to, in the order of the enum.
  std::vector<EndpointState> endpoints;
  // Whether the store took part in the rates and cool-downs when it was last asked; without it each
  // replica keeps to its share.
  bool limits_are_shared = true;
  DocumentState metadata;
  DocumentState keys;
  std::vector<std::string> key_ids;  // of the keys in use; a key without a `kid` is ""
};

}  // namespace tokenbroker::provider
