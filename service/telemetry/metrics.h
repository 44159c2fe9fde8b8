// What the broker counts about itself, as Prometheus reads it.
//
//   metrics.Count(Metric::kProviderRequests, {"auth0", "token", "2xx"});
//   metrics.AddSource([&cache](telemetry::Scrape& scrape) {
//     scrape.Set(Metric::kNearCacheBytes, {}, cache.stats().bytes);
//   });
#pragma once

#include <functional>
#include <initializer_list>
#include <map>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "prometheus/collectable.h"
#include "prometheus/counter.h"
#include "prometheus/family.h"
#include "prometheus/histogram.h"
#include "prometheus/metric_family.h"
#include "prometheus/registry.h"
#include "telemetry/durations.h"
#include "telemetry/metric_table.h"

namespace tokenbroker::telemetry {

// One for each label of the metric, in the table's order.
using LabelValues = std::initializer_list<std::string_view>;

// Takes what the sources tell while /metrics is read. Each series once.
class Scrape {
 public:
  // For a counter its value so far, for a gauge the value now.
  void Set(Metric metric, LabelValues labels, double value);
  void Set(Metric metric, LabelValues labels, const Durations& durations);

  std::vector<prometheus::MetricFamily> Take();

 private:
  prometheus::ClientMetric& Add(Metric metric, LabelValues labels);

  std::map<Metric, prometheus::MetricFamily> families_;
};

// Thread-safe. Not for what happens with every cached token: there each thread counts for itself
// (per_thread_cells.h) and a source adds up.
class Metrics final : public prometheus::Collectable {
 public:
  // Adds to a counter. 0 makes the series visible before its first event, which rates need.
  void Count(Metric metric, LabelValues labels, double n = 1) ABSL_LOCKS_EXCLUDED(mutex_);
  // Adds to a histogram.
  void Observe(Metric metric, LabelValues labels, absl::Duration duration)
      ABSL_LOCKS_EXCLUDED(mutex_);

  // `source` is called whenever /metrics is read, on a thread of the listener, and must not block.
  // What it uses must outlive the listener.
  using Source = std::function<void(Scrape&)>;
  void AddSource(Source source) ABSL_LOCKS_EXCLUDED(mutex_);

  std::vector<prometheus::MetricFamily> Collect() const override ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  prometheus::Family<prometheus::Counter>& CounterFamily(Metric metric) ABSL_LOCKS_EXCLUDED(mutex_);
  prometheus::Family<prometheus::Histogram>& HistogramFamily(Metric metric)
      ABSL_LOCKS_EXCLUDED(mutex_);

  prometheus::Registry registry_;  // provides its own synchronisation
  mutable Mutex mutex_;
  std::map<Metric, prometheus::Family<prometheus::Counter>*> counters_ ABSL_GUARDED_BY(mutex_);
  std::map<Metric, prometheus::Family<prometheus::Histogram>*> histograms_ ABSL_GUARDED_BY(mutex_);
  std::vector<Source> sources_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::telemetry
