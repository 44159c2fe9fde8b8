#include "telemetry/metrics.h"

#include <algorithm>
#include <cstdlib>
#include <string>
#include <utility>

namespace tokenbroker::telemetry {
namespace {

prometheus::MetricType TypeOf(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return prometheus::MetricType::Counter;
    case MetricKind::kGauge:
      return prometheus::MetricType::Gauge;
    case MetricKind::kHistogram:
      return prometheus::MetricType::Histogram;
  }
  return prometheus::MetricType::Untyped;
}

// A metric used otherwise than the table says is a mistake of ours, which any test shows.
void Require(bool holds) {
  if (!holds) std::abort();
}

std::vector<prometheus::ClientMetric::Label> Label(const MetricDescription& description,
                                                   LabelValues values) {
  Require(values.size() == description.labels.size());
  std::vector<prometheus::ClientMetric::Label> labels;
  auto name = description.labels.begin();
  for (const std::string_view value : values) {
    labels.push_back({std::string(*name++), std::string(value)});
  }
  return labels;
}

prometheus::Labels LabelMap(const MetricDescription& description, LabelValues values) {
  prometheus::Labels labels;
  for (auto& label : Label(description, values)) {
    labels.emplace(std::move(label.name), std::move(label.value));
  }
  return labels;
}

}  // namespace

prometheus::ClientMetric& Scrape::Add(Metric metric, LabelValues labels) {
  const MetricDescription& description = Describe(metric);
  prometheus::MetricFamily& family = families_[metric];
  if (family.name.empty()) {
    family.name = description.name;
    family.help = description.help;
    family.type = TypeOf(description.kind);
  }
  prometheus::ClientMetric& made = family.metric.emplace_back();
  made.label = Label(description, labels);
  return made;
}

void Scrape::Set(Metric metric, LabelValues labels, double value) {
  const MetricKind kind = Describe(metric).kind;
  Require(kind != MetricKind::kHistogram);
  prometheus::ClientMetric& made = Add(metric, labels);
  if (kind == MetricKind::kCounter) {
    made.counter.value = value;
  } else {
    made.gauge.value = value;
  }
}

void Scrape::Set(Metric metric, LabelValues labels, const Durations& durations) {
  const std::span<const double> bounds = DurationBounds();
  Require(Describe(metric).kind == MetricKind::kHistogram &&
          durations.counts.size() == bounds.size() + 1);
  prometheus::ClientMetric::Histogram& made = Add(metric, labels).histogram;
  for (std::size_t i = 0; i < bounds.size(); ++i) {
    made.sample_count += durations.counts[i];
    made.bucket.push_back({made.sample_count, bounds[i]});
  }
  made.sample_count += durations.counts.back();
  made.sample_sum = absl::ToDoubleSeconds(durations.sum);
}

std::vector<prometheus::MetricFamily> Scrape::Take() {
  std::vector<prometheus::MetricFamily> all;
  for (auto& [metric, family] : families_) all.push_back(std::move(family));
  families_.clear();
  return all;
}

void Metrics::Count(Metric metric, LabelValues labels, double n) {
  CounterFamily(metric).Add(LabelMap(Describe(metric), labels)).Increment(n);
}

void Metrics::Observe(Metric metric, LabelValues labels, absl::Duration duration) {
  static const auto* const bounds =
      new std::vector<double>(DurationBounds().begin(), DurationBounds().end());
  HistogramFamily(metric)
      .Add(LabelMap(Describe(metric), labels), *bounds)
      .Observe(absl::ToDoubleSeconds(duration));
}

prometheus::Family<prometheus::Counter>& Metrics::CounterFamily(Metric metric) {
  const MetricDescription& description = Describe(metric);
  Require(description.kind == MetricKind::kCounter);
  const MutexLock lock(mutex_);
  auto*& family = counters_[metric];
  if (family == nullptr) {
    family = &prometheus::BuildCounter()
                  .Name(std::string(description.name))
                  .Help(std::string(description.help))
                  .Register(registry_);
  }
  return *family;
}

prometheus::Family<prometheus::Histogram>& Metrics::HistogramFamily(Metric metric) {
  const MetricDescription& description = Describe(metric);
  Require(description.kind == MetricKind::kHistogram);
  const MutexLock lock(mutex_);
  auto*& family = histograms_[metric];
  if (family == nullptr) {
    family = &prometheus::BuildHistogram()
                  .Name(std::string(description.name))
                  .Help(std::string(description.help))
                  .Register(registry_);
  }
  return *family;
}

void Metrics::AddSource(Source source) {
  const MutexLock lock(mutex_);
  sources_.push_back(std::move(source));
}

std::vector<prometheus::MetricFamily> Metrics::Collect() const {
  std::vector<Source> sources;
  {
    const MutexLock lock(mutex_);
    sources = sources_;
  }
  Scrape scrape;
  for (const Source& source : sources) source(scrape);
  std::vector<prometheus::MetricFamily> all = scrape.Take();
  for (auto& family : registry_.Collect()) all.push_back(std::move(family));
  std::ranges::sort(all, {}, &prometheus::MetricFamily::name);
  return all;
}

}  // namespace tokenbroker::telemetry
