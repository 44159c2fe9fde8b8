// The way to one provider: every request of a client takes it, in turn, as far as the provider's
// limits and its health allow.
//
//   CO_ASSIGN_OR_RETURN(Permit permit, co_await traffic->Admit(Endpoint::kToken, urgency,
//   deadline)); auto response = co_await Send(...); permit->Answered(response);
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"
#include "limits/limit_store.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "provider/circuit_breaker.h"
#include "provider/endpoint.h"
#include "provider/endpoint_limit.h"
#include "provider/permit.h"
#include "provider/places.h"
#include "provider/provider_state.h"

namespace tokenbroker::provider {

struct TrafficOptions {
  std::string provider;     // its name, for the names of shared limits
  int max_in_flight = 256;  // requests under way, of all endpoints together
  int max_queued = 1024;    // requests that wait to be
  RateOptions rate;
  BreakerOptions breaker;
};

// Thread-safe. A passage, and whoever waits for one, keeps the object alive.
//
// The documents that a provider publishes do not come this way: there are at most three such
// requests at a time, everybody waits for them, and they have a back-off of their own
// (provider/cached_document.h).
class Traffic : public std::enable_shared_from_this<Traffic> {
 public:
  // Borrows all but `options`; `store` may be null, then limits are this replica's alone.
  static std::shared_ptr<Traffic> Create(Runtime& runtime, const Clock& clock,
                                         limits::LimitStore* store, TrafficOptions options);

  // Waits for a turn: first by the rate of the endpoint, then for one of the places.
  // Errors, all with RetryInfo: PROVIDER_UNAVAILABLE (cause `circuit_breaker`) while the breaker is
  // open; those of EndpointLimit::Take and Places::Take.
  Task<Permit> Admit(Endpoint endpoint, Urgency urgency, absl::Time deadline);

  // Fills in all but what concerns documents.
  void Describe(ProviderState& state) const ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  friend class Passage;

  struct Health {
    explicit Health(BreakerOptions options) : breaker(options) {}
    CircuitBreaker breaker;
    EndpointState counts;  // only the numbers since start are kept here
  };

  Traffic(Runtime& runtime, const Clock& clock, limits::LimitStore* store, TrafficOptions options);

  static Task<Permit> AdmitTo(std::shared_ptr<Traffic> self, Endpoint endpoint, Urgency urgency,
                              absl::Time deadline);
  absl::Status CheckBreaker(Endpoint endpoint) ABSL_LOCKS_EXCLUDED(mutex_);
  absl::Status CheckHealth(Health& health, absl::Time now) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::StatusOr<CircuitBreaker::Attempt> Begin(Endpoint endpoint) ABSL_LOCKS_EXCLUDED(mutex_);
  void CountRefusal(Endpoint endpoint) ABSL_LOCKS_EXCLUDED(mutex_);
  enum class Outcome { kAnswered, kLimited, kFailed, kUnknown };
  void End(Endpoint endpoint, CircuitBreaker::Attempt attempt, Outcome outcome)
      ABSL_LOCKS_EXCLUDED(mutex_);

  Health& HealthOf(Endpoint endpoint) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    return health_.at(static_cast<std::size_t>(endpoint));
  }
  EndpointLimit& LimitOf(Endpoint endpoint) const {
    return *limits_.at(static_cast<std::size_t>(endpoint));
  }

  // Constant after construction.
  const Clock& clock_;
  const TrafficOptions options_;
  const std::shared_ptr<Places> places_;
  std::array<std::shared_ptr<EndpointLimit>, kEndpoints> limits_;  // by Endpoint

  mutable Mutex mutex_;
  std::vector<Health> health_ ABSL_GUARDED_BY(mutex_);  // by Endpoint
};

// One request on its way, from the moment it may leave. Not copied; see Permit.
class Passage {
 public:
  Passage(std::shared_ptr<Traffic> traffic, Endpoint endpoint, CircuitBreaker::Attempt attempt,
          std::shared_ptr<Places::Held> place);
  Passage(const Passage&) = delete;
  Passage& operator=(const Passage&) = delete;
  // A request that was not made, or of which nothing became known, says nothing of the provider.
  ~Passage();

  // What came of the request: what its channel returned. Once.
  void Answered(const absl::StatusOr<HttpResponse>& response);

 private:
  const std::shared_ptr<Traffic> traffic_;
  const Endpoint endpoint_;
  const CircuitBreaker::Attempt attempt_;
  const std::shared_ptr<Places::Held> place_;
  bool answered_ = false;
};

}  // namespace tokenbroker::provider
