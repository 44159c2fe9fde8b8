#include "telemetry/metrics.h"

#include <ctime>
#include <memory>
#include <regex>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "gmock/gmock.h"
#include "prometheus/text_serializer.h"
#include "support/status_matchers.h"
#include "telemetry/durations.h"
#include "telemetry/metrics_listener.h"
#include "telemetry/per_thread_cells.h"
#include "telemetry/process_metrics.h"
#include "telemetry/rpc_metrics.h"

namespace tokenbroker::telemetry {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using testing::IsOk;
using ::testing::Not;
using testing::StatusIs;

std::string TextOf(const Metrics& metrics) {
  return prometheus::TextSerializer().Serialize(metrics.Collect());
}

TEST(MetricTable, IsInTheOrderOfItsEnum) {
  const auto all = AllMetrics();
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(static_cast<std::size_t>(all[i].metric), i) << all[i].name;
  }
}

TEST(MetricTable, KeepsTheConventionsOfPrometheus) {
  const std::regex name("(tokenbroker|process)(_[a-z]+)+");
  std::set<std::string_view> names;
  for (const MetricDescription& metric : AllMetrics()) {
    EXPECT_TRUE(std::regex_match(std::string(metric.name), name)) << metric.name;
    EXPECT_TRUE(names.insert(metric.name).second) << metric.name << " is there twice";
    EXPECT_EQ(metric.name.ends_with("_total"), metric.kind == MetricKind::kCounter) << metric.name;
    if (metric.kind == MetricKind::kHistogram) {
      EXPECT_TRUE(metric.name.ends_with("_seconds")) << metric.name;
    }
    EXPECT_TRUE(metric.help.ends_with(".")) << metric.name;
  }
}

TEST(Metrics, AddsUpWhatIsCounted) {
  Metrics metrics;
  metrics.Count(Metric::kProviderRequests, {"auth0", "token", "2xx"});
  metrics.Count(Metric::kProviderRequests, {"auth0", "token", "2xx"});
  metrics.Count(Metric::kProviderRequests, {"auth0", "token", "5xx"}, 0);
  metrics.Observe(Metric::kProviderRequestDuration, {"auth0", "token"}, absl::Milliseconds(3));

  const std::string text = TextOf(metrics);
  EXPECT_THAT(text, HasSubstr("# TYPE tokenbroker_provider_requests_total counter"));
  EXPECT_THAT(text, HasSubstr("tokenbroker_provider_requests_total{endpoint=\"token\",provider="
                              "\"auth0\",status=\"2xx\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("status=\"5xx\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("tokenbroker_provider_request_duration_seconds_bucket{endpoint="
                              "\"token\",provider=\"auth0\",le=\"0.0025\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("le=\"0.005\"} 1\n"));
}

TEST(Metrics, AsksItsSourcesWheneverItIsRead) {
  Metrics metrics;
  int bytes = 0;
  metrics.AddSource([&](Scrape& scrape) { scrape.Set(Metric::kNearCacheBytes, {}, ++bytes); });
  EXPECT_THAT(TextOf(metrics), HasSubstr("tokenbroker_near_cache_bytes 1\n"));
  EXPECT_THAT(TextOf(metrics), HasSubstr("tokenbroker_near_cache_bytes 2\n"));
}

TEST(PerThreadCells, SumsWhatAllThreadsAdded) {
  PerThreadCells cells(11);
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int n = 0; n < 1000; ++n) cells.Add(10, 2);
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(cells.Sum(10), 8000U);
  EXPECT_EQ(cells.Sum(9), 0U);
}

TEST(RpcMetrics, CountsByOutcomeAndDuration) {
  RpcMetrics rpcs({"GetGrant", "GetAccessToken"});
  rpcs.Record("GetAccessToken", std::nullopt, absl::Microseconds(70));
  rpcs.Record("GetAccessToken", Reason::kGrantUnknown, absl::Seconds(11));
  rpcs.Record("Invented", std::nullopt, absl::ZeroDuration());

  Metrics metrics;
  metrics.AddSource([&](Scrape& scrape) { rpcs.Tell(scrape); });
  const std::string text = TextOf(metrics);
  const std::string bucket = "tokenbroker_rpc_duration_seconds_bucket{rpc=\"GetAccessToken\",le=";
  EXPECT_THAT(text, AllOf(HasSubstr("tokenbroker_rpcs_total{rpc=\"GetAccessToken\",code=\"OK\","
                                    "reason=\"\"} 1\n"),
                          HasSubstr("tokenbroker_rpcs_total{rpc=\"GetAccessToken\",code="
                                    "\"NOT_FOUND\",reason=\"GRANT_UNKNOWN\"} 1\n"),
                          HasSubstr("tokenbroker_rpcs_total{rpc=\"GetGrant\",code=\"OK\",reason="
                                    "\"\"} 0\n"),
                          HasSubstr("{rpc=\"other\",code=\"OK\",reason=\"\"} 1\n")));
  EXPECT_THAT(text, AllOf(HasSubstr(bucket + "\"5e-05\"} 0\n"), HasSubstr(bucket + "\"0.0001\"} 1"),
                          HasSubstr(bucket + "\"10\"} 1\n"), HasSubstr(bucket + "\"+Inf\"} 2\n")));
  EXPECT_THAT(text, HasSubstr("tokenbroker_rpc_duration_seconds_sum{rpc=\"GetAccessToken\"} "
                              "11.00007"));
  EXPECT_THAT(text, Not(HasSubstr("Invented")));
}

TEST(ProcessMetrics, TellsOfThisProcess) {
  Metrics metrics;
  metrics.AddSource(TellProcess);
  // The kernel counts in hundredths of a second: what is quicker than that has used nothing.
  while (std::clock() < CLOCKS_PER_SEC / 50) {
  }
  const std::string text = TextOf(metrics);
  for (const char* name : {"process_cpu_seconds_total", "process_resident_memory_bytes",
                           "process_virtual_memory_bytes", "process_open_fds", "process_max_fds",
                           "process_threads", "process_start_time_seconds"}) {
    EXPECT_THAT(text, ::testing::ContainsRegex("\n" + std::string(name) + " [0-9.]*[1-9]")) << name;
  }
}

TEST(MetricsListener, SaysWhereItListensAndRefusesATakenPort) {
  const auto metrics = std::make_shared<Metrics>();
  const auto listener = MetricsListener::Start("localhost:0", metrics);
  ASSERT_THAT(listener, IsOk());
  EXPECT_THAT((*listener)->address(), ::testing::MatchesRegex("127\\.0\\.0\\.1:[1-9][0-9]*"));
  EXPECT_THAT(MetricsListener::Start((*listener)->address(), metrics),
              StatusIs(absl::StatusCode::kInternal));
}

TEST(DurationCells, PutsEachDurationIntoItsBucket) {
  DurationCells cells;
  for (const absl::Duration duration :
       {absl::ZeroDuration(), absl::Microseconds(50), absl::Milliseconds(3), absl::Hours(1)}) {
    cells.Add(duration);
  }
  cells.Add(-absl::Seconds(1));  // a clock that was set back
  const Durations sum = cells.Sum();
  ASSERT_EQ(sum.counts.size(), DurationBounds().size() + 1);
  EXPECT_EQ(sum.counts.front(), 3U);
  EXPECT_EQ(sum.counts[6], 1U);  // up to 5 ms
  EXPECT_EQ(sum.counts.back(), 1U);
  EXPECT_EQ(sum.sum, absl::Hours(1) + absl::Microseconds(3050));
}

}  // namespace
}  // namespace tokenbroker::telemetry
