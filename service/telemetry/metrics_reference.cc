// Writes the list of metrics in docs/metrics.md from metric_table.cc.
//
//   metrics_reference --write FILE    puts it into FILE, below the marker line
//   metrics_reference --check FILE    exits with 1 unless it is in FILE already
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <string_view>

#include "telemetry/metric_table.h"

namespace tokenbroker::telemetry {
namespace {

constexpr std::string_view kMarker =
    "<!-- Generated from service/telemetry/metric_table.cc by metrics_reference. -->";

std::string_view KindName(MetricKind kind) {
  switch (kind) {
    case MetricKind::kCounter:
      return "counter";
    case MetricKind::kGauge:
      return "gauge";
    case MetricKind::kHistogram:
      return "histogram";
  }
  return "";
}

std::string Reference() {
  std::string text = "\n| metric | type | labels | meaning |\n|---|---|---|---|\n";
  for (const MetricDescription& metric : AllMetrics()) {
    std::string labels;
    for (const std::string_view label : metric.labels) {
      labels.append(labels.empty() ? "`" : ", `").append(label).append("`");
    }
    text.append("| `").append(metric.name).append("` | ").append(KindName(metric.kind));
    text.append(" | ").append(labels).append(" | ").append(metric.help).append(" |\n");
  }
  return text;
}

std::string ReadText(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

int Run(std::string_view mode, const std::string& path) {
  const std::string before = ReadText(path);
  std::string after = before.substr(0, before.find(kMarker));
  after.append(kMarker).append("\n").append(Reference());
  if (mode == "--write") {
    std::ofstream(path, std::ios::binary) << after;
    return 0;
  }
  if (before == after) return 0;
  std::cerr << path << " is not what metric_table.cc says; run: metrics_reference --write " << path
            << "\n";
  return 1;
}

}  // namespace
}  // namespace tokenbroker::telemetry

int main(int argc, char** argv) {
  const std::string_view mode = argc == 3 ? argv[1] : "";
  if (mode != "--write" && mode != "--check") {
    std::cerr << "usage: metrics_reference --write FILE | --check FILE\n";
    return 2;
  }
  return tokenbroker::telemetry::Run(mode, argv[2]);
}
