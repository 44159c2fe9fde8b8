// The providers of the running configuration, each with what it sends requests by.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "limits/limit_store.h"
#include "net/http_client.h"
#include "net/runtime.h"
#include "provider/http_provider.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "tokenbroker/config/v1/config.pb.h"
#include "wiring/clients.h"

namespace tokenbroker::wiring {

// Thread-safe where Make and Adopt come one after the other. Borrows everything given to it.
class ProviderSet {
 public:
  ProviderSet(Runtime& runtime, const Clock& clock, const telemetry::Log& log,
              telemetry::Metrics& metrics, limits::LimitStore* limits)
      : runtime_(runtime), clock_(clock), log_(log), metrics_(metrics), limits_(limits) {}

  // What a configuration makes of the set.
  struct Running {
    std::string settings;                  // its part of the configuration, serialised
    std::unique_ptr<HttpClient> http;      // to the network
    std::unique_ptr<HttpClient> measured;  // counts on the way there
    std::unique_ptr<provider::HttpProvider> provider;
  };
  using Set = std::map<std::string, std::shared_ptr<Running>>;

  // The set that `config` asks for. A provider whose settings have not changed is the one that
  // runs, with all that it has fetched and knows. Changes nothing. Errors: those of CurlHttpClient.
  absl::StatusOr<Set> Make(const config::v1::Config& config) const ABSL_LOCKS_EXCLUDED(mutex_);
  // From now on these run. Those that are not among them are kept for as long as a request of
  // theirs may last, and for as long as a client has them.
  void Adopt(Set set) ABSL_LOCKS_EXCLUDED(mutex_);

  // Those that run, by name.
  std::vector<std::shared_ptr<provider::HttpProvider>> running() const ABSL_LOCKS_EXCLUDED(mutex_);

  // As clients take them.
  static Providers ProvidersOf(const Set& set);

 private:
  struct Retired {
    absl::Time since;
    std::shared_ptr<Running> provider;
  };

  Runtime& runtime_;
  const Clock& clock_;
  const telemetry::Log& log_;
  telemetry::Metrics& metrics_;
  limits::LimitStore* const limits_;

  mutable Mutex mutex_;
  Set running_ ABSL_GUARDED_BY(mutex_);
  std::vector<Retired> retired_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::wiring
