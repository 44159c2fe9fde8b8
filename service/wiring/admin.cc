#include "wiring/admin.h"

#include <algorithm>
#include <utility>

#include "base/status_macros.h"
#include "google/protobuf/util/time_util.h"
#include "rpc/messages.h"

namespace tokenbroker::wiring {
namespace {

using admin::v1::DescribeProvidersResponse;
using admin::v1::DescribeSchedulerResponse;
using admin::v1::ReloadConfigResponse;

// Of several endpoints the worst.
admin::v1::CircuitState CircuitOf(const provider::ProviderState& state) {
  auto worst = admin::v1::CIRCUIT_STATE_CLOSED;
  for (const provider::EndpointState& endpoint : state.endpoints) {
    if (endpoint.breaker == provider::BreakerState::kOpen) return admin::v1::CIRCUIT_STATE_OPEN;
    if (endpoint.breaker == provider::BreakerState::kHalfOpen) {
      worst = admin::v1::CIRCUIT_STATE_HALF_OPEN;
    }
  }
  return worst;
}

void Describe(const provider::HttpProvider& provider, admin::v1::Provider& described) {
  const provider::ProviderState state = provider.state();
  described.set_name(provider.name());
  described.set_issuer(provider.issuer());
  if (state.metadata.fetched_at) {
    *described.mutable_discovery_fetched_at() = rpc::ToTimestamp(*state.metadata.fetched_at);
  }
  if (state.keys.fetched_at) {
    *described.mutable_jwks_fetched_at() = rpc::ToTimestamp(*state.keys.fetched_at);
  }
  for (const std::string& key_id : state.key_ids) described.add_key_ids(key_id);
  described.set_circuit_state(CircuitOf(state));
  // Of several endpoints the one that has the least left.
  const provider::EndpointState* scarcest = nullptr;
  for (const provider::EndpointState& endpoint : state.endpoints) {
    if (!endpoint.advertised_remaining) continue;
    if (scarcest == nullptr || *endpoint.advertised_remaining < *scarcest->advertised_remaining) {
      scarcest = &endpoint;
    }
  }
  if (scarcest == nullptr) return;
  described.set_rate_limit_remaining(*scarcest->advertised_remaining);
  if (scarcest->advertised_reset) {
    *described.mutable_rate_limit_resets_at() = rpc::ToTimestamp(*scarcest->advertised_reset);
  }
}

StatusTask DescribeScheduler(broker::SchedulerState state, const broker::Broker& broker,
                             grants::GrantStore& store, const Clock& clock,
                             DescribeSchedulerResponse& response) {
  const absl::Time now = clock.Now();
  CO_ASSIGN_OR_RETURN(const grants::ScheduleSummary in_a_minute,
                      co_await store.SummarizeSchedule(now + absl::Minutes(1)));
  CO_ASSIGN_OR_RETURN(const grants::ScheduleSummary summary, co_await store.SummarizeSchedule(now));
  response.set_enabled(state.running);
  response.set_claims(std::max(0, state.in_hand - state.in_flight));
  const auto due = std::max(in_a_minute.overdue, summary.overdue) - summary.overdue;
  response.set_due(static_cast<std::int64_t>(due));
  response.set_overdue(static_cast<std::int64_t>(summary.overdue));
  response.set_in_flight(broker.refreshes_in_flight());
  const bool lags = summary.overdue > 0 && summary.first && *summary.first < now;
  const absl::Duration lag = lags ? now - *summary.first : absl::ZeroDuration();
  *response.mutable_lag() =
      google::protobuf::util::TimeUtil::NanosecondsToDuration(absl::ToInt64Nanoseconds(lag));
  co_return absl::OkStatus();
}

}  // namespace

rpc::AdminSources AdminSourcesOf(const broker::Scheduler& scheduler, broker::Broker& broker,
                                 grants::GrantStore& store, const ProviderSet& providers,
                                 Reload& reload, const Clock& clock) {
  return {.describe_providers =
              [&providers](DescribeProvidersResponse& response) {
                for (const auto& provider : providers.running()) {
                  Describe(*provider, *response.add_providers());
                }
              },
          .describe_scheduler =
              [&scheduler, &broker, &store, &clock](DescribeSchedulerResponse& response) {
                return DescribeScheduler(scheduler.state(), broker, store, clock, response);
              },
          .reload_config = [&reload](ReloadConfigResponse& response) -> absl::Status {
            ASSIGN_OR_RETURN(std::vector<std::string> changed, reload.Run());
            for (std::string& section : changed) response.add_changed_sections(std::move(section));
            return absl::OkStatus();
          }};
}

}  // namespace tokenbroker::wiring
