// How many RPCs there were, how they ended and how long they took. Counting one takes tens of
// nanoseconds and nothing that cores share, so that every cached token can be counted.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/time/time.h"
#include "base/error.h"
#include "telemetry/metrics.h"
#include "telemetry/per_thread_cells.h"

namespace tokenbroker::telemetry {

// Thread-safe.
class RpcMetrics {
 public:
  // `rpcs`: the names that will come, `GetAccessToken`, `Admin/ListGrants`.
  explicit RpcMetrics(std::vector<std::string> rpcs);

  // No `refusal` means OK. A name that the constructor was not told is counted as `other`.
  void Record(std::string_view rpc, std::optional<Reason> refusal, absl::Duration duration);

  // kRpcs and kRpcDuration. Every RPC has its OK and its duration, from the first scrape on;
  // reasons appear with their first refusal.
  void Tell(Scrape& scrape) const;

 private:
  // Constant after construction.
  const std::vector<std::string> rpcs_;  // `other` at the end
  absl::flat_hash_map<std::string, std::size_t> places_;

  PerThreadCells cells_;
};

}  // namespace tokenbroker::telemetry
