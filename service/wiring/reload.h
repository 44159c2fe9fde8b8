// Takes over a changed configuration while the broker runs, the whole of it or nothing.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "base/clock.h"
#include "base/mutex.h"
#include "broker/client.h"
#include "broker/token_cache.h"
#include "config/config.h"
#include "grants/seal.h"
#include "net/runtime.h"
#include "rpc/gate.h"
#include "rpc/server_identity.h"
#include "telemetry/log.h"
#include "telemetry/metrics.h"
#include "wiring/callers.h"
#include "wiring/certificate_expiries.h"
#include "wiring/configuration_files.h"
#include "wiring/provider_set.h"

namespace tokenbroker::wiring {

// What a reload changes, and what it needs for that.
struct ReloadParts {
  Runtime& runtime;
  const Clock& clock;
  const telemetry::Log& log;
  telemetry::Metrics& metrics;
  grants::KeyRing& key_ring;
  ProviderSet& providers;
  broker::Clients& clients;
  broker::TokenCache& cache;
  IssuerKeysByConfig& issuer_keys;
  rpc::Gate& gate;
  rpc::ServerIdentity* identity;  // null without TLS
  CertificateExpiries& certificates;
};

// Thread-safe: reloads come one after the other. Borrows the parts, which must outlive the
// runtime's Stop. Everything that can fail is made before anything is changed.
class Reload {
 public:
  // `running` is what the broker was started with; `file` is where it came from, empty for the
  // embedded configuration, which cannot be reloaded.
  Reload(std::string file, const config::LoadedConfig& running, ReloadParts parts);

  // Reads the file, and what it names, again. Returns the sections that have changed. Refusals are
  // logged and counted. Errors: INVALID_REQUEST, with a message for people and metadata `check`:
  // CONFIG_INVALID, or RESTART_REQUIRED with `sections`.
  absl::StatusOr<std::vector<std::string>> Run() ABSL_LOCKS_EXCLUDED(mutex_);

  // Reloads whenever a file has changed and then stayed as it is for an `interval`. Runs until its
  // runtime stops.
  static asio::awaitable<void> Watch(std::shared_ptr<Reload> reload, absl::Duration interval);

 private:
  absl::StatusOr<std::vector<std::string>> RunLocked() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  std::string Stamp() ABSL_LOCKS_EXCLUDED(mutex_);

  const std::string file_;
  const ReloadParts parts_;
  Mutex mutex_;
  std::map<std::string, SectionDigest> running_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::string> files_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::wiring
