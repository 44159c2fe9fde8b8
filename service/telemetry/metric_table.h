// Every metric that the broker has, in one table: what /metrics shows and docs/metrics.md
// describes.
//
// A new one is an enumerator here, a row in metric_table.cc, and whoever counts it
// (Metrics::Count, Metrics::Observe) or tells it when it is scraped (Metrics::AddSource).
#pragma once

#include <span>
#include <string_view>
#include <vector>

namespace tokenbroker::telemetry {

enum class Metric {
  // The process.
  kBuildInfo,
  kReady,
  kProcessCpu,
  kProcessResidentMemory,
  kProcessVirtualMemory,
  kProcessOpenFiles,
  kProcessMaxFiles,
  kProcessThreads,
  kProcessStartTime,
  kCertificateExpiry,
  kConfigReloads,
  // RPCs.
  kRpcs,
  kRpcDuration,
  kRpcsInFlight,
  kStreamsInFlight,
  // The near cache.
  kNearCacheLookups,
  kNearCacheTokens,
  kNearCacheBytes,
  kNearCacheEvictions,
  kNearCacheInvalidations,
  kNearCacheInvalidationLag,
  kNearCacheTrusted,
  // Refreshes.
  kRefreshes,
  kRefreshesInFlight,
  kLeaseWaits,
  kSpoolAnswers,
  kSpoolOldest,
  kRevocations,
  kRevocationsPending,
  kRevocationsOldest,
  // The scheduler.
  kSchedulerGrants,
  kSchedulerOverdue,
  kSchedulerOldestOverdue,
  kSchedulerLag,
  kSchedulerInHand,
  kSchedulerClaims,
  kSchedulerOutcomes,
  // Providers.
  kProviderRequests,
  kProviderRequestDuration,
  kProviderMetadataAge,
  kProviderKeysAge,
  kProviderBreakerOpen,
  kProviderRefusals,
  kProviderQueued,
  kProviderInFlight,
  kProviderRateTokens,
  kProviderRateWaiting,
  kProviderCoolDown,
  // The store.
  kStoreRequests,
  kStoreRequestDuration,
  kRedisConnections,
  kRedisReconnects,
  kRedisUnanswered,
};

enum class MetricKind { kCounter, kGauge, kHistogram };

// One row. Values of labels come from the configuration or from constants, never from requests: a
// metric has no more series than the configuration allows.
struct MetricDescription {
  Metric metric;
  std::string_view name;  // Prometheus' conventions: base units, `_total` for counters
  MetricKind kind;
  std::vector<std::string_view> labels;  // in the order in which their values are given
  std::string_view help;                 // one sentence, for `# HELP` and docs/metrics.md
};

// Every metric, in the order of the enum.
std::span<const MetricDescription> AllMetrics();

const MetricDescription& Describe(Metric metric);

// Upper bounds of every histogram's buckets, in seconds; what is longer goes into one more.
std::span<const double> DurationBounds();

}  // namespace tokenbroker::telemetry
