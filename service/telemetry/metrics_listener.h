// Serves /metrics over plain HTTP, on a port of its own.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "telemetry/metrics.h"

namespace prometheus {
class Exposer;
}

namespace tokenbroker::telemetry {

// Thread-safe. Stops listening when it is destroyed; no source is called any more then.
class MetricsListener {
 public:
  // Listens on `address`, `host:port` (port 0: a free one; the host is an IP address or
  // `localhost`). Errors: INTERNAL with a message for people, where it cannot be listened on.
  static absl::StatusOr<std::unique_ptr<MetricsListener>> Start(const std::string& address,
                                                                std::shared_ptr<Metrics> metrics);
  ~MetricsListener();

  // Where it listens, with the port in place of 0.
  const std::string& address() const { return address_; }

 private:
  MetricsListener(std::unique_ptr<prometheus::Exposer> exposer, std::shared_ptr<Metrics> metrics,
                  std::string address);

  const std::shared_ptr<Metrics> metrics_;
  const std::string address_;
  const std::unique_ptr<prometheus::Exposer> exposer_;
};

}  // namespace tokenbroker::telemetry
