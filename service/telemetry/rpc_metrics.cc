#include "telemetry/rpc_metrics.h"

#include <algorithm>
#include <utility>

#include "absl/status/status.h"

namespace tokenbroker::telemetry {
namespace {

// The cells of one RPC: OK, each reason, each bucket of durations, the sum of durations in ns.
constexpr std::size_t kOutcomes = static_cast<std::size_t>(Reason::kInternal) + 2;

std::size_t OutcomeCell(std::optional<Reason> refusal) {
  return refusal ? static_cast<std::size_t>(*refusal) + 1 : 0;
}

std::size_t Buckets() { return DurationBounds().size() + 1; }
std::size_t SumCell() { return kOutcomes + Buckets(); }
std::size_t CellsOfRpc() { return SumCell() + 1; }

std::size_t BucketCell(absl::Duration duration) {
  const auto bounds = DurationBounds();
  const auto bound = std::ranges::lower_bound(bounds, absl::ToDoubleSeconds(duration));
  return kOutcomes + static_cast<std::size_t>(bound - bounds.begin());
}

std::vector<std::string> WithOther(std::vector<std::string> rpcs) {
  rpcs.emplace_back("other");
  return rpcs;
}

}  // namespace

RpcMetrics::RpcMetrics(std::vector<std::string> rpcs)
    : rpcs_(WithOther(std::move(rpcs))), cells_(rpcs_.size() * CellsOfRpc()) {
  for (std::size_t i = 0; i < rpcs_.size(); ++i) places_.emplace(rpcs_[i], i);
}

void RpcMetrics::Record(std::string_view rpc, std::optional<Reason> refusal,
                        absl::Duration duration) {
  const auto found = places_.find(absl::string_view(rpc.data(), rpc.size()));
  const std::size_t place = found == places_.end() ? rpcs_.size() - 1 : found->second;
  const std::size_t first = place * CellsOfRpc();
  const auto nanoseconds = std::max<std::int64_t>(0, absl::ToInt64Nanoseconds(duration));
  cells_.Add(first + OutcomeCell(refusal));
  cells_.Add(first + BucketCell(duration));
  cells_.Add(first + SumCell(), static_cast<std::uint64_t>(nanoseconds));
}

void RpcMetrics::Tell(Scrape& scrape) const {
  for (std::size_t i = 0; i < rpcs_.size(); ++i) {
    const std::size_t first = i * CellsOfRpc();
    scrape.Set(Metric::kRpcs, {rpcs_[i], "OK", ""}, static_cast<double>(cells_.Sum(first)));
    for (const ReasonDescription& reason : AllReasons()) {
      const auto count = cells_.Sum(first + OutcomeCell(reason.reason));
      if (count == 0) continue;
      scrape.Set(Metric::kRpcs, {rpcs_[i], absl::StatusCodeToString(reason.code), reason.name},
                 static_cast<double>(count));
    }
    Durations durations;
    for (std::size_t bucket = 0; bucket < Buckets(); ++bucket) {
      durations.counts.push_back(cells_.Sum(first + kOutcomes + bucket));
    }
    durations.sum = absl::Nanoseconds(static_cast<std::int64_t>(cells_.Sum(first + SumCell())));
    scrape.Set(Metric::kRpcDuration, {rpcs_[i]}, durations);
  }
}

}  // namespace tokenbroker::telemetry
