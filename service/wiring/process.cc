#include "wiring/process.h"

#include <unistd.h>

#include <algorithm>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/synchronization/notification.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "broker/broker.h"
#include "config/durations.h"
#include "net/runtime.h"
#include "rpc/admin_service.h"
#include "rpc/gate.h"
#include "rpc/grpc_log.h"
#include "rpc/server.h"
#include "rpc/token_broker_service.h"
#include "storage/measured/measured_grant_store.h"
#include "telemetry/log.h"
#include "telemetry/metrics_listener.h"
#include "telemetry/otlp_spans.h"
#include "telemetry/request_log.h"
#include "wiring/admin.h"
#include "wiring/callers.h"
#include "wiring/clients.h"
#include "wiring/metrics.h"
#include "wiring/provider_set.h"
#include "wiring/readiness.h"
#include "wiring/reload.h"
#include "wiring/scheduling.h"
#include "wiring/server_options.h"
#include "wiring/stores.h"

namespace tokenbroker::wiring {
namespace {

constexpr absl::Duration kReadinessInterval = absl::Seconds(1);
// Where the store does not answer, leases run out by themselves.
constexpr absl::Duration kHandBackPatience = absl::Seconds(2);

int WorkerThreads(const config::v1::Server& server) {
  if (server.has_worker_threads()) return static_cast<int>(server.worker_threads());
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

telemetry::Level LevelOf(const config::v1::Log& log) {
  switch (log.level()) {
    case config::v1::LOG_LEVEL_DEBUG:
      return telemetry::Level::kDebug;
    case config::v1::LOG_LEVEL_WARN:
      return telemetry::Level::kWarning;
    case config::v1::LOG_LEVEL_ERROR:
      return telemetry::Level::kError;
    default:
      return telemetry::Level::kInfo;
  }
}

telemetry::Format FormatOf(const config::v1::Log& log) {
  return log.format() == config::v1::LOG_FORMAT_TEXT ? telemetry::Format::kText
                                                     : telemetry::Format::kJson;
}

// Names the holder of leases: the host for people, random bytes for uniqueness.
std::string ReplicaName() {
  char host[256] = {};
  gethostname(host, sizeof host - 1);
  return absl::StrCat(host, "-", RandomToken(6));
}

asio::awaitable<void> HandBack(broker::Broker& broker, std::shared_ptr<absl::Notification> done) {
  co_await broker.HandLeasesBack();
  done->Notify();
}

}  // namespace

// In the order of construction; what stands above outlives what stands below.
struct Process::Parts {
  Parts(config::LoadedConfig loaded_config, telemetry::LineSink& sink, const Clock& used_clock)
      : loaded(std::move(loaded_config)),
        clock(used_clock),
        log(sink, clock, LevelOf(loaded.config.telemetry().log()),
            FormatOf(loaded.config.telemetry().log())),
        grpc_log(log),
        request_log(sink, {.format = FormatOf(loaded.config.telemetry().log()),
                           .threshold = LevelOf(loaded.config.telemetry().log())}),
        runtime(WorkerThreads(loaded.config.server())),
        cache(clock, {.max_bytes = loaded.config.near_cache().max_bytes()}),
        changes(cache) {}

  const config::LoadedConfig loaded;
  const Clock& clock;
  const telemetry::Log log;
  const rpc::GrpcLog grpc_log;
  const std::string replica = ReplicaName();
  std::unique_ptr<SpanSink> spans;  // null where none are recorded
  telemetry::RequestLog request_log;
  const std::shared_ptr<telemetry::Metrics> metrics = std::make_shared<telemetry::Metrics>();
  telemetry::RpcMetrics rpc_metrics = MakeRpcMetrics();
  Runtime runtime;
  broker::TokenCache cache;
  broker::GrantChanges changes;
  std::optional<grants::KeyRing> key_ring;
  Store store;
  std::optional<ProviderSet> providers;
  std::unique_ptr<storage::DiskSpool> spool;
  std::unique_ptr<broker::Clients> clients;
  std::unique_ptr<broker::Broker> broker;
  std::unique_ptr<broker::Reaper> reaper;
  std::unique_ptr<broker::Scheduler> scheduler;
  std::unique_ptr<broker::Reconciler> reconciler;
  IssuerKeysByConfig issuer_keys;
  std::unique_ptr<rpc::Gate> gate;
  std::shared_ptr<rpc::ServerIdentity> identity;  // null without TLS
  CertificateExpiries certificates{loaded.config};
  std::shared_ptr<Reload> reload;
  std::unique_ptr<rpc::TokenBrokerService> service;
  std::unique_ptr<rpc::AdminService> admin_service;
  std::unique_ptr<rpc::Server> server;
  std::unique_ptr<rpc::Server> health_server;                    // none without server.health
  std::unique_ptr<telemetry::MetricsListener> metrics_listener;  // last: it asks all the others
  bool stopped = false;
};

Process::Process(std::unique_ptr<Parts> parts) : parts_(std::move(parts)) {}

Process::~Process() { Stop(); }

absl::StatusOr<std::unique_ptr<Process>> Process::Start(config::LoadedConfig config,
                                                        std::string file, telemetry::LineSink& sink,
                                                        const Clock& clock) {
  auto process = std::unique_ptr<Process>(
      new Process(std::make_unique<Parts>(std::move(config), sink, clock)));
  Parts& parts = *process->parts_;
  const config::v1::Config& settings = parts.loaded.config;

  if (settings.telemetry().has_traces()) {
    parts.spans =
        telemetry::MakeOtlpSpans({.endpoint = settings.telemetry().traces().otlp_endpoint(),
                                  .version = TB_VERSION,
                                  .instance = parts.replica},
                                 parts.log);
  }
  ASSIGN_OR_RETURN(parts.key_ring, KeyRingOf(parts.loaded));
  parts.store = StoreOf(parts.loaded, parts.runtime, clock, *parts.key_ring, parts.log);
  parts.store.grants = std::make_shared<storage::MeasuredGrantStore>(std::move(parts.store.grants),
                                                                     *parts.metrics, clock);
  parts.store.grants->Observe(&parts.changes);
  parts.providers.emplace(parts.runtime, clock, parts.log, *parts.metrics,
                          parts.store.limits.get());
  ASSIGN_OR_RETURN(ProviderSet::Set providers, parts.providers->Make(settings));
  ASSIGN_OR_RETURN(parts.spool, SpoolOf(parts.loaded, *parts.key_ring, parts.log));
  parts.clients = std::make_unique<broker::Clients>(
      ClientsOf(parts.loaded, ProviderSet::ProvidersOf(providers)));
  parts.providers->Adopt(std::move(providers));
  const std::size_t max_pending =
      settings.server().limits().max_pending_authorizations_per_caller();
  parts.broker = std::make_unique<broker::Broker>(
      *parts.clients, *parts.store.grants, clock, parts.cache, parts.changes, parts.runtime,
      broker::BrokerOptions{.replica = parts.replica,
                            .refresh_ahead = settings.refresh().scheduler().enabled(),
                            .spool = parts.spool.get(),
                            .spool_when = settings.refresh().spool().every_answer()
                                              ? broker::SpoolWhen::kEveryAnswer
                                              : broker::SpoolWhen::kStoreFails,
                            .limits = {.max_pending_per_caller = max_pending}});

  parts.reaper =
      std::make_unique<broker::Reaper>(*parts.clients, *parts.store.grants, clock, parts.runtime,
                                       parts.log, ReaperOptionsOf(settings.refresh()));
  parts.scheduler = std::make_unique<broker::Scheduler>(
      *parts.clients, *parts.store.grants, clock, parts.runtime, parts.broker->refresh(),
      *parts.reaper, SchedulerOptionsOf(settings));
  parts.reconciler = std::make_unique<broker::Reconciler>(
      *parts.clients, *parts.store.grants, clock, parts.runtime, *parts.reaper, parts.log,
      ReconcilerOptionsOf(settings.refresh()));
  parts.broker->ReplaySpool();

  if (const auto tls = TlsOf(settings.server())) {
    ASSIGN_OR_RETURN(rpc::ServerIdentity::Pem pem, rpc::ServerIdentity::Read(*tls));
    parts.identity =
        std::make_shared<rpc::ServerIdentity>(std::move(pem), tls->client_certificates);
  }
  ASSIGN_OR_RETURN(std::shared_ptr<callers::Authenticator> authenticator,
                   AuthenticatorOf(settings, parts.issuer_keys, parts.runtime, clock, parts.log));
  parts.gate =
      std::make_unique<rpc::Gate>(std::move(authenticator), CertificatesOf(settings.server()),
                                  parts.request_log, parts.rpc_metrics, clock, parts.spans.get());
  parts.reload = std::make_shared<Reload>(std::move(file), parts.loaded,
                                          ReloadParts{.runtime = parts.runtime,
                                                      .clock = clock,
                                                      .log = parts.log,
                                                      .metrics = *parts.metrics,
                                                      .key_ring = *parts.key_ring,
                                                      .providers = *parts.providers,
                                                      .clients = *parts.clients,
                                                      .cache = parts.cache,
                                                      .issuer_keys = parts.issuer_keys,
                                                      .gate = *parts.gate,
                                                      .identity = parts.identity.get(),
                                                      .certificates = parts.certificates});
  parts.service = std::make_unique<rpc::TokenBrokerService>(*parts.broker, *parts.gate);
  parts.admin_service = std::make_unique<rpc::AdminService>(
      parts.broker->administration(),
      AdminSourcesOf(*parts.scheduler, *parts.broker, *parts.store.grants, *parts.providers,
                     *parts.reload, clock),
      *parts.gate);
  const std::vector<rpc::Service*> services = {parts.service.get(), parts.admin_service.get()};
  ASSIGN_OR_RETURN(parts.server,
                   rpc::Server::Start(ServerOptionsOf(settings.server(), parts.identity), services,
                                      parts.runtime.executor(), clock));

  if (settings.server().has_health()) {
    ASSIGN_OR_RETURN(parts.health_server,
                     rpc::Server::Start(HealthServerOptionsOf(settings.server()), {},
                                        parts.runtime.executor(), clock));
    for (const rpc::Service* service : services) {
      parts.health_server->health().Set(service->name(), false);
    }
    parts.log.Write(telemetry::Level::kInfo, "serving health",
                    {{"address", parts.health_server->address()}});
  }

  RETURN_IF_ERROR(process->ServeMetrics());

  auto readiness = std::make_shared<Readiness>(
      *parts.broker, parts.log,
      [&parts](bool serving) {
        parts.server->health().SetAll(serving);
        if (parts.health_server) parts.health_server->health().SetAll(serving);
      },
      kReadinessInterval);
  for (const auto& provider : parts.providers->running()) {
    Readiness::Prepare(readiness, parts.runtime, provider);
  }
  parts.runtime.Spawn(Readiness::Watch(std::move(readiness)));
  if (settings.refresh().scheduler().enabled()) {
    parts.scheduler->Start();
    parts.reconciler->Start();
  }
  parts.runtime.Spawn(parts.broker->WorkOffRevocations());
  const absl::Duration watch_interval = config::ToDuration(settings.server().watch_interval());
  if (watch_interval > absl::ZeroDuration()) {
    parts.runtime.Spawn(Reload::Watch(parts.reload, watch_interval));
  }
  parts.log.Write(telemetry::Level::kInfo, "listening", {{"address", parts.server->address()}});
  return process;
}

absl::Status Process::ServeMetrics() {
  Parts& parts = *parts_;
  const config::v1::Telemetry& settings = parts.loaded.config.telemetry();
  if (!settings.has_metrics()) return absl::OkStatus();
  TellProcess(*parts.metrics);
  Tell(*parts.metrics, parts.rpc_metrics);
  Tell(*parts.metrics, parts.cache);
  Tell(*parts.metrics, *parts.broker, parts.clock);
  Tell(*parts.metrics, *parts.scheduler);
  Tell(*parts.metrics, *parts.server);
  Tell(*parts.metrics, *parts.providers, parts.clock);
  Tell(*parts.metrics, parts.store);
  Tell(*parts.metrics, parts.spool.get());
  Tell(*parts.metrics, parts.certificates, parts.identity.get());
  ASSIGN_OR_RETURN(parts.metrics_listener,
                   telemetry::MetricsListener::Start(settings.metrics().listen(), parts.metrics));
  parts.log.Write(telemetry::Level::kInfo, "serving metrics",
                  {{"address", parts.metrics_listener->address()}});
  return absl::OkStatus();
}

void Process::ReloadConfig() { (void)parts_->reload->Run(); }

void Process::Stop() {
  if (std::exchange(parts_->stopped, true)) return;
  const absl::Duration grace = config::ToDuration(parts_->loaded.config.server().drain_grace());
  const absl::Time deadline = absl::Now() + grace;
  parts_->log.Write(telemetry::Level::kInfo, "stopping");
  if (parts_->scheduler) parts_->scheduler->Stop();
  if (parts_->reconciler) parts_->reconciler->Stop();
  // Whoever asks for health is told until the end that the process is alive.
  if (parts_->health_server) parts_->health_server->health().Shutdown();
  if (parts_->server) parts_->server->Shutdown(grace);
  // A refresh whose answer is on its way, or not stored yet, is worth every second of the grace.
  const auto busy = [&parts = *parts_] {
    return (parts.broker && parts.broker->refreshes_in_flight() > 0) ||
           (parts.broker && parts.broker->sign_ins_in_flight() > 0) ||
           (parts.scheduler && parts.scheduler->state().in_hand > 0);
  };
  while (busy() && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(10));
  }
  // What is in hand still goes to disk: the next process stores it.
  if (parts_->broker) parts_->broker->SpoolAnswers();
  if (parts_->broker) {
    const auto done = std::make_shared<absl::Notification>();
    parts_->runtime.Spawn(HandBack(*parts_->broker, done));
    done->WaitForNotificationWithTimeout(kHandBackPatience);
  }
  if (parts_->health_server) parts_->health_server->Shutdown(absl::ZeroDuration());
  parts_->runtime.Stop();
  parts_->log.Write(telemetry::Level::kInfo, "stopped");
}

}  // namespace tokenbroker::wiring
