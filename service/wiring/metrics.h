// What the parts of the broker tell when /metrics is read: one place for all of them.
#pragma once

#include "base/clock.h"
#include "broker/broker.h"
#include "broker/scheduler.h"
#include "broker/token_cache.h"
#include "rpc/server.h"
#include "telemetry/metrics.h"
#include "telemetry/rpc_metrics.h"
#include "wiring/certificate_expiries.h"
#include "wiring/provider_set.h"
#include "wiring/stores.h"

namespace tokenbroker::wiring {

// Counts by the RPCs of tokenbroker.v1 and tokenbroker.admin.v1, under the names of
// callers::Caller::rpcs.
telemetry::RpcMetrics MakeRpcMetrics();

// Each makes `metrics` tell of a part, which must outlive its listener.
void TellProcess(telemetry::Metrics& metrics);
void Tell(telemetry::Metrics& metrics, const telemetry::RpcMetrics& rpcs);
void Tell(telemetry::Metrics& metrics, const broker::TokenCache& cache);
void Tell(telemetry::Metrics& metrics, const broker::Broker& broker, const Clock& clock);
void Tell(telemetry::Metrics& metrics, const broker::Scheduler& scheduler);
void Tell(telemetry::Metrics& metrics, const rpc::Server& server);
void Tell(telemetry::Metrics& metrics, const ProviderSet& providers, const Clock& clock);
void Tell(telemetry::Metrics& metrics, const Store& store);
// `spool` and `identity` may be null: then nothing is told.
void Tell(telemetry::Metrics& metrics, const storage::DiskSpool* spool);
void Tell(telemetry::Metrics& metrics, const CertificateExpiries& certificates,
          const rpc::ServerIdentity* identity);

}  // namespace tokenbroker::wiring
