#include "telemetry/metric_table.h"

#include <array>
#include <cstddef>

namespace tokenbroker::telemetry {
namespace {

using enum MetricKind;

const std::vector<MetricDescription>& Table() {
  static const auto* const table = new std::vector<MetricDescription>{
      {Metric::kBuildInfo, "tokenbroker_build_info", kGauge, {"version"}, "Always 1."},
      {Metric::kReady, "tokenbroker_ready", kGauge, {}, "1 while health is SERVING."},
      {Metric::kProcessCpu,
       "process_cpu_seconds_total",
       kCounter,
       {},
       "Processor time that the process has used, in the kernel too."},
      {Metric::kProcessResidentMemory,
       "process_resident_memory_bytes",
       kGauge,
       {},
       "Memory of the process that is in RAM."},
      {Metric::kProcessVirtualMemory,
       "process_virtual_memory_bytes",
       kGauge,
       {},
       "Address space of the process."},
      {Metric::kProcessOpenFiles, "process_open_fds", kGauge, {}, "Open file descriptors."},
      {Metric::kProcessMaxFiles,
       "process_max_fds",
       kGauge,
       {},
       "How many file descriptors may be open."},
      {Metric::kProcessThreads, "process_threads", kGauge, {}, "Threads of the process."},
      {Metric::kProcessStartTime,
       "process_start_time_seconds",
       kGauge,
       {},
       "When the process began, in seconds since 1970."},

      {Metric::kRpcs,
       "tokenbroker_rpcs_total",
       kCounter,
       {"rpc", "code", "reason"},
       "RPCs that were answered, by gRPC status code and by reason, which is empty for OK."},
      {Metric::kRpcDuration,
       "tokenbroker_rpc_duration_seconds",
       kHistogram,
       {"rpc"},
       "From an RPC's arrival to its answer."},
      {Metric::kRpcsInFlight,
       "tokenbroker_rpcs_in_flight",
       kGauge,
       {},
       "RPCs that wait for something; those answered from the cache never do."},
      {Metric::kStreamsInFlight, "tokenbroker_streams_in_flight", kGauge, {}, "Open streams."},

      {Metric::kNearCacheLookups,
       "tokenbroker_near_cache_lookups_total",
       kCounter,
       {"result"},
       "Access tokens looked for in the process: `hit` where one could be handed out, else "
       "`miss`."},
      {Metric::kNearCacheTokens,
       "tokenbroker_near_cache_tokens",
       kGauge,
       {},
       "Access tokens in the near cache."},
      {Metric::kNearCacheBytes,
       "tokenbroker_near_cache_bytes",
       kGauge,
       {},
       "Memory that they take; `near_cache.max_bytes` bounds it."},
      {Metric::kNearCacheEvictions,
       "tokenbroker_near_cache_evictions_total",
       kCounter,
       {},
       "Access tokens dropped for want of room."},
      {Metric::kNearCacheInvalidations,
       "tokenbroker_near_cache_invalidations_total",
       kCounter,
       {},
       "Changes of grants that the near cache was told of."},
      {Metric::kNearCacheTrusted,
       "tokenbroker_near_cache_trusted",
       kGauge,
       {},
       "1 while the store tells what changes; 0 when it stopped and every call asks the store."},

      {Metric::kRefreshes,
       "tokenbroker_refreshes_total",
       kCounter,
       {"outcome"},
       "Refreshes of grants that ended, by `OK` or the reason why not."},
      {Metric::kRefreshesInFlight,
       "tokenbroker_refreshes_in_flight",
       kGauge,
       {},
       "Refreshes under way in this replica."},

      {Metric::kProviderRequests,
       "tokenbroker_provider_requests_total",
       kCounter,
       {"provider", "endpoint", "status"},
       "HTTP requests to providers, by status: `2xx`, `3xx`, `4xx`, `429`, `5xx`, or `failed` "
       "where no "
       "answer came."},
      {Metric::kProviderRequestDuration,
       "tokenbroker_provider_request_duration_seconds",
       kHistogram,
       {"provider", "endpoint"},
       "From an HTTP request to a provider to the end of its answer or failure."},

      {Metric::kStoreRequests,
       "tokenbroker_store_requests_total",
       kCounter,
       {"operation", "outcome"},
       "Requests to the store, by `OK` or the reason why not."},
      {Metric::kStoreRequestDuration,
       "tokenbroker_store_request_duration_seconds",
       kHistogram,
       {"operation"},
       "How long requests to the store took, whatever their outcome."},
  };
  return *table;
}

constexpr std::array kDurationBounds = {0.00005, 0.0001, 0.00025, 0.0005, 0.001, 0.0025,
                                        0.005,   0.01,   0.025,   0.05,   0.1,   0.25,
                                        0.5,     1.0,    2.5,     5.0,    10.0};

}  // namespace

std::span<const MetricDescription> AllMetrics() { return Table(); }

const MetricDescription& Describe(Metric metric) {
  return Table()[static_cast<std::size_t>(metric)];
}

std::span<const double> DurationBounds() { return kDurationBounds; }

}  // namespace tokenbroker::telemetry
