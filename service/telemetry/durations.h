// Histograms of durations, with the bounds that all of them have.
#pragma once

#include <algorithm>
#include <cstdint>
#include <span>
#include <vector>

#include "absl/time/time.h"
#include "telemetry/metric_table.h"
#include "telemetry/per_thread_cells.h"

namespace tokenbroker::telemetry {

// What a histogram has gathered.
struct Durations {
  std::vector<std::uint64_t> counts;  // one for each of DurationBounds, and one for what is longer
  absl::Duration sum;
};

// Gathers. For parts that know nothing of Metrics: a source asks for the sum. Thread-safe.
class DurationCells {
 public:
  void Add(absl::Duration duration) {
    const std::span<const double> bounds = DurationBounds();
    const auto bound = std::ranges::lower_bound(bounds, absl::ToDoubleSeconds(duration));
    cells_.Add(static_cast<std::size_t>(bound - bounds.begin()));
    const auto nanoseconds = std::max<std::int64_t>(0, absl::ToInt64Nanoseconds(duration));
    cells_.Add(bounds.size() + 1, static_cast<std::uint64_t>(nanoseconds));
  }

  Durations Sum() const {
    Durations durations;
    const std::size_t buckets = DurationBounds().size() + 1;
    for (std::size_t i = 0; i < buckets; ++i) durations.counts.push_back(cells_.Sum(i));
    durations.sum = absl::Nanoseconds(static_cast<std::int64_t>(cells_.Sum(buckets)));
    return durations;
  }

 private:
  PerThreadCells cells_{DurationBounds().size() + 2};  // the buckets, then the sum in nanoseconds
};

}  // namespace tokenbroker::telemetry
