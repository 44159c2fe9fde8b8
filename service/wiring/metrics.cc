#include "wiring/metrics.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/error.h"
#include "google/protobuf/descriptor.h"
#include "telemetry/process_metrics.h"
#include "tokenbroker/admin/v1/admin.pb.h"
#include "tokenbroker/v1/token_broker.pb.h"

namespace tokenbroker::wiring {
namespace {

using telemetry::Metric;
using telemetry::Scrape;

void AddNames(const google::protobuf::ServiceDescriptor& service, const std::string& prefix,
              std::vector<std::string>& names) {
  for (int i = 0; i < service.method_count(); ++i) {
    names.push_back(absl::StrCat(prefix, service.method(i)->name()));
  }
}

double AsNumber(auto value) { return static_cast<double>(value); }

}  // namespace

telemetry::RpcMetrics MakeRpcMetrics() {
  std::vector<std::string> names;
  AddNames(*v1::GetGrantRequest::descriptor()->file()->service(0), "", names);
  AddNames(*admin::v1::RefreshGrantRequest::descriptor()->file()->service(0), "Admin/", names);
  return telemetry::RpcMetrics(std::move(names));
}

void TellProcess(telemetry::Metrics& metrics) {
  metrics.AddSource(telemetry::TellProcess);
  metrics.AddSource([](Scrape& scrape) { scrape.Set(Metric::kBuildInfo, {TB_VERSION}, 1); });
}

void Tell(telemetry::Metrics& metrics, const telemetry::RpcMetrics& rpcs) {
  metrics.AddSource([&rpcs](Scrape& scrape) { rpcs.Tell(scrape); });
}

void Tell(telemetry::Metrics& metrics, const broker::TokenCache& cache) {
  metrics.AddSource([&cache](Scrape& scrape) {
    const broker::TokenCacheState state = cache.state();
    scrape.Set(Metric::kNearCacheLookups, {"hit"}, AsNumber(state.hits));
    scrape.Set(Metric::kNearCacheLookups, {"miss"}, AsNumber(state.misses));
    scrape.Set(Metric::kNearCacheTokens, {}, AsNumber(state.tokens));
    scrape.Set(Metric::kNearCacheBytes, {}, AsNumber(state.bytes));
    scrape.Set(Metric::kNearCacheEvictions, {}, AsNumber(state.evictions));
    scrape.Set(Metric::kNearCacheInvalidations, {}, AsNumber(state.invalidations));
    scrape.Set(Metric::kNearCacheTrusted, {}, state.trusted ? 1 : 0);
  });
}

void Tell(telemetry::Metrics& metrics, const broker::Broker& broker, const Clock& clock) {
  metrics.AddSource([&broker, &clock](Scrape& scrape) {
    scrape.Set(Metric::kRefreshesInFlight, {}, broker.refreshes_in_flight());
    scrape.Set(Metric::kRefreshes, {"OK"}, AsNumber(broker.refreshes_ended(std::nullopt)));
    for (const ReasonDescription& reason : AllReasons()) {
      const auto ended = broker.refreshes_ended(reason.reason);
      if (ended > 0) scrape.Set(Metric::kRefreshes, {reason.name}, AsNumber(ended));
    }
    const broker::LeaseWaits& waits = broker.lease_waits();
    scrape.Set(Metric::kLeaseWaits, {"this_replica"}, waits.in_this_replica.Sum());
    scrape.Set(Metric::kLeaseWaits, {"another_replica"}, waits.in_another_replica.Sum());
    const broker::RevocationCounts revocations = broker.revocations_tried();
    scrape.Set(Metric::kRevocations, {"confirmed"}, AsNumber(revocations.confirmed));
    scrape.Set(Metric::kRevocations, {"postponed"}, AsNumber(revocations.postponed));
    scrape.Set(Metric::kRevocations, {"abandoned"}, AsNumber(revocations.abandoned));
    const grants::RevocationSummary waiting = broker.revocations_waiting();
    const absl::Time now = clock.Now();
    scrape.Set(Metric::kRevocationsPending, {}, AsNumber(waiting.pending));
    scrape.Set(Metric::kRevocationsOldest, {},
               std::max(0.0, absl::ToDoubleSeconds(now - waiting.oldest.value_or(now))));
  });
}

void Tell(telemetry::Metrics& metrics, const broker::Scheduler& scheduler) {
  metrics.AddSource([&scheduler](Scrape& scrape) {
    const broker::SchedulerState state = scheduler.state();
    scrape.Set(Metric::kSchedulerGrants, {}, AsNumber(state.due));
    scrape.Set(Metric::kSchedulerOverdue, {}, AsNumber(state.overdue));
    scrape.Set(Metric::kSchedulerOldestOverdue, {}, absl::ToDoubleSeconds(state.oldest_overdue));
    scrape.Set(Metric::kSchedulerLag, {}, absl::ToDoubleSeconds(state.lag));
    scrape.Set(Metric::kSchedulerInHand, {}, state.in_hand);
    scrape.Set(Metric::kSchedulerClaims, {}, AsNumber(state.claims));
    scrape.Set(Metric::kSchedulerOutcomes, {"refreshed"}, AsNumber(state.refreshed));
    scrape.Set(Metric::kSchedulerOutcomes, {"failed"}, AsNumber(state.failed));
    scrape.Set(Metric::kSchedulerOutcomes, {"ended"}, AsNumber(state.ended));
    scrape.Set(Metric::kSchedulerOutcomes, {"deferred"}, AsNumber(state.deferred));
    scrape.Set(Metric::kSchedulerOutcomes, {"postponed"}, AsNumber(state.postponed));
  });
}

void Tell(telemetry::Metrics& metrics, const rpc::Server& server) {
  metrics.AddSource([&server](Scrape& scrape) {
    const rpc::RunningCalls::Count count = server.running();
    scrape.Set(Metric::kRpcsInFlight, {}, AsNumber(count.calls));
    scrape.Set(Metric::kStreamsInFlight, {}, AsNumber(count.streams));
    scrape.Set(Metric::kReady, {}, server.ready() ? 1 : 0);
  });
}

void Tell(telemetry::Metrics& metrics, const ProviderSet& providers, const Clock& clock) {
  metrics.AddSource([&providers, &clock](Scrape& scrape) {
    for (const auto& provider : providers.running()) {
      const provider::ProviderState state = provider->state();
      const std::string& name = provider->name();
      const auto age = [&](Metric metric, const provider::DocumentState& document) {
        if (!document.fetched_at) return;
        scrape.Set(metric, {name}, absl::ToDoubleSeconds(clock.Now() - *document.fetched_at));
      };
      age(Metric::kProviderMetadataAge, state.metadata);
      age(Metric::kProviderKeysAge, state.keys);
      int queued = 0;
      for (const int waiting : state.queued) queued += waiting;
      scrape.Set(Metric::kProviderQueued, {name}, queued);
      scrape.Set(Metric::kProviderInFlight, {name}, state.in_flight);
      for (const provider::EndpointState& one : state.endpoints) {
        const std::string_view endpoint = provider::EndpointName(one.endpoint);
        scrape.Set(Metric::kProviderBreakerOpen, {name, endpoint},
                   one.breaker == provider::BreakerState::kClosed ? 0 : 1);
        scrape.Set(Metric::kProviderRefusals, {name, endpoint, "breaker"},
                   AsNumber(one.refused_by_breaker));
        scrape.Set(Metric::kProviderRefusals, {name, endpoint, "limit"},
                   AsNumber(one.refused_by_limit));
        if (one.configured_rate) {
          scrape.Set(Metric::kProviderRateTokens, {name, endpoint}, one.tokens_in_hand);
        }
        scrape.Set(Metric::kProviderRateWaiting, {name, endpoint}, one.waiting_for_rate);
        const absl::Time cool_down_until = one.cool_down_until.value_or(absl::InfinitePast());
        scrape.Set(Metric::kProviderCoolDown, {name, endpoint},
                   std::max(0.0, absl::ToDoubleSeconds(cool_down_until - clock.Now())));
      }
    }
  });
}

void Tell(telemetry::Metrics& metrics, const Store& store) {
  if (store.redis == nullptr) return;
  metrics.AddSource([&store](Scrape& scrape) {
    scrape.Set(Metric::kNearCacheInvalidationLag, {}, store.change_lag->Sum());
    const double connected = AsNumber(store.redis->connected.load());
    const double connections = AsNumber(store.redis->connections.load());
    scrape.Set(Metric::kRedisConnections, {"connected"}, connected);
    scrape.Set(Metric::kRedisConnections, {"away"}, std::max(0.0, connections - connected));
    scrape.Set(Metric::kRedisReconnects, {}, AsNumber(store.redis->reconnects.load()));
    scrape.Set(Metric::kRedisUnanswered, {}, AsNumber(store.redis->unanswered.load()));
  });
}

void Tell(telemetry::Metrics& metrics, const storage::DiskSpool* spool) {
  if (spool == nullptr) return;
  metrics.AddSource([spool](Scrape& scrape) {
    const storage::SpoolDepth depth = spool->depth();
    scrape.Set(Metric::kSpoolAnswers, {"waiting"}, AsNumber(depth.waiting));
    scrape.Set(Metric::kSpoolAnswers, {"set_aside"}, AsNumber(depth.set_aside));
    // The spool's times are the system's, whatever clock the broker goes by.
    scrape.Set(Metric::kSpoolOldest, {},
               std::max(0.0, absl::ToDoubleSeconds(absl::Now() - depth.oldest)));
  });
}

void Tell(telemetry::Metrics& metrics, const CertificateExpiries& certificates,
          const rpc::ServerIdentity* identity) {
  metrics.AddSource(
      [&certificates, identity](Scrape& scrape) { certificates.Tell(scrape, identity); });
}

}  // namespace tokenbroker::wiring
