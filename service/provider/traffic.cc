#include "provider/traffic.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "oauth/answer_error.h"
#include "oauth/token_response.h"
#include "provider/back_channel.h"

namespace tokenbroker::provider {
namespace {

bool IsLimit(const HttpResponse& response, absl::Time now) {
  if (response.status < 400) return false;
  return HasReason(oauth::AnswerError(AnswerOf(response), now), Reason::kProviderRateLimited);
}

// No connection, no answer in the provider's time, or one that is not HTTP. What a caller did by
// giving up, and what was never sent for reasons of our own, is not among it.
bool IsFailure(const absl::Status& status) {
  return HasReason(status, Reason::kProviderUnavailable) ||
         HasReason(status, Reason::kProviderResponseInvalid);
}

bool IsOfLimit(const absl::Status& status) {
  return HasReason(status, Reason::kProviderRateLimited) ||
         HasReason(status, Reason::kLimitReached);
}

}  // namespace

std::shared_ptr<Traffic> Traffic::Create(Runtime& runtime, const Clock& clock,
                                         limits::LimitStore* store, TrafficOptions options) {
  return std::shared_ptr<Traffic>(new Traffic(runtime, clock, store, std::move(options)));
}

Traffic::Traffic(Runtime& runtime, const Clock& clock, limits::LimitStore* store,
                 TrafficOptions options)
    : clock_(clock),
      options_(std::move(options)),
      places_(Places::Create(clock, options_.max_in_flight, options_.max_queued)) {
  for (int i = 0; i < kEndpoints; ++i) {
    const auto endpoint = static_cast<Endpoint>(i);
    const std::string name =
        absl::StrCat(options_.provider, "/", std::string(EndpointName(endpoint)));
    limits_.at(static_cast<std::size_t>(i)) =
        EndpointLimit::Create(runtime, clock, store, name, options_.rate, options_.max_queued);
    health_.emplace_back(options_.breaker);
    health_.back().counts.endpoint = endpoint;
  }
}

Task<Permit> Traffic::Admit(Endpoint endpoint, Urgency urgency, absl::Time deadline) {
  return AdmitTo(shared_from_this(), endpoint, std::move(urgency), deadline);
}

Task<Permit> Traffic::AdmitTo(std::shared_ptr<Traffic> self, Endpoint endpoint, Urgency urgency,
                              absl::Time deadline) {
  CO_RETURN_IF_ERROR(self->CheckBreaker(endpoint));
  Urgency in_line = urgency;
  absl::Status turn = co_await self->LimitOf(endpoint).Take(std::move(in_line), deadline);
  if (IsOfLimit(turn)) self->CountRefusal(endpoint);
  if (!turn.ok()) co_return turn;
  auto place = co_await self->places_->Take(std::move(urgency), deadline);
  if (IsOfLimit(place.status())) self->CountRefusal(endpoint);
  if (!place.ok()) co_return place.status();
  // The provider may have said something while this one waited.
  turn = self->LimitOf(endpoint).Check();
  if (!turn.ok()) self->CountRefusal(endpoint);
  if (!turn.ok()) co_return turn;
  CO_ASSIGN_OR_RETURN(const CircuitBreaker::Attempt attempt, self->Begin(endpoint));
  co_return std::make_shared<Passage>(std::move(self), endpoint, attempt, *std::move(place));
}

absl::Status Traffic::CheckBreaker(Endpoint endpoint) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  return CheckHealth(HealthOf(endpoint), now);
}

absl::Status Traffic::CheckHealth(Health& health, absl::Time now) {
  const auto blocked = health.breaker.Blocked(now);
  if (!blocked) return absl::OkStatus();
  ++health.counts.refused_by_breaker;
  return WithRetryAfter(Error(Reason::kProviderUnavailable,
                              {{"cause", "circuit_breaker"},
                               {"endpoint", std::string(EndpointName(health.counts.endpoint))}}),
                        *blocked);
}

absl::StatusOr<CircuitBreaker::Attempt> Traffic::Begin(Endpoint endpoint) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  Health& health = HealthOf(endpoint);
  RETURN_IF_ERROR(CheckHealth(health, now));
  ++health.counts.requests;
  return health.breaker.Begin(now);
}

void Traffic::CountRefusal(Endpoint endpoint) {
  const MutexLock lock(mutex_);
  ++HealthOf(endpoint).counts.refused_by_limit;
}

void Traffic::End(Endpoint endpoint, CircuitBreaker::Attempt attempt, Outcome outcome) {
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  Health& health = HealthOf(endpoint);
  switch (outcome) {
    case Outcome::kAnswered:
      return health.breaker.Succeeded(attempt);
    case Outcome::kLimited:
      ++health.counts.rate_limited;
      return health.breaker.Succeeded(attempt);
    case Outcome::kFailed:
      ++health.counts.failures;
      return health.breaker.Failed(attempt, now);
    case Outcome::kUnknown:
      return health.breaker.Abandoned(attempt);
  }
}

void Traffic::Describe(ProviderState& state) const {
  state.in_flight = places_->in_flight();
  state.max_in_flight = options_.max_in_flight;
  state.queued = places_->queued();
  state.max_queued = options_.max_queued;
  const absl::Time now = clock_.Now();
  const MutexLock lock(mutex_);
  for (const Health& health : health_) {
    EndpointState endpoint = health.counts;
    const EndpointLimit& limit = LimitOf(endpoint.endpoint);
    limit.Describe(endpoint);
    state.limits_are_shared = state.limits_are_shared && limit.store_takes_part();
    endpoint.breaker = health.breaker.state(now);
    endpoint.consecutive_failures = health.breaker.consecutive_failures();
    endpoint.breaker_open_until = health.breaker.open_until(now);
    const bool was_used = endpoint.requests + endpoint.refused_by_limit > 0;
    if (was_used) state.endpoints.push_back(endpoint);
  }
}

Passage::Passage(std::shared_ptr<Traffic> traffic, Endpoint endpoint,
                 CircuitBreaker::Attempt attempt, std::shared_ptr<Places::Held> place)
    : traffic_(std::move(traffic)),
      endpoint_(endpoint),
      attempt_(attempt),
      place_(std::move(place)) {}

Passage::~Passage() {
  if (!answered_) traffic_->End(endpoint_, attempt_, Traffic::Outcome::kUnknown);
}

void Passage::Answered(const absl::StatusOr<HttpResponse>& response) {
  answered_ = true;
  if (!response.ok()) {
    const bool failed = IsFailure(response.status());
    traffic_->End(endpoint_, attempt_,
                  failed ? Traffic::Outcome::kFailed : Traffic::Outcome::kUnknown);
    return;
  }
  const absl::Time now = traffic_->clock_.Now();
  const bool is_limit = IsLimit(*response, now);
  const auto told = response->Header("retry-after");
  std::optional<EndpointLimit::Limited> limited;
  // A 503 that says when to come back is one as well (RFC 9110 section 10.2.3).
  if (is_limit || (response->status == 503 && told)) {
    limited = {.wait = told ? oauth::ParseRetryAfter(*told, now) : std::nullopt};
  }
  traffic_->LimitOf(endpoint_).Answered(response->headers, limited);
  const bool failed = response->status >= 500 && !is_limit;
  traffic_->End(endpoint_, attempt_,
                is_limit ? Traffic::Outcome::kLimited
                : failed ? Traffic::Outcome::kFailed
                         : Traffic::Outcome::kAnswered);
}

}  // namespace tokenbroker::provider
