#include "rpc/server.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/error.h"
#include "base/status_macros.h"
#include "grpc/support/time.h"
#include "grpcpp/ext/proto_server_reflection_plugin.h"
#include "grpcpp/impl/server_builder_option.h"
#include "grpcpp/impl/server_builder_plugin.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"
#include "rpc/unserved_methods.h"

namespace tokenbroker::rpc {
namespace {

void PollQueue(grpc::ServerCompletionQueue& queue) {
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) static_cast<Event*>(tag)->Happen(ok);
}

// `[::1]:0` and 50051 give `[::1]:50051`.
std::string WithPort(std::string_view address, int port) {
  if (address.starts_with("unix:")) return std::string(address);
  return absl::StrCat(std::string(address.substr(0, address.rfind(':'))), ":", port);
}

// gRPC's reflection library puts itself into every server of a process that it is linked into.
class WithoutReflection final : public grpc::ServerBuilderOption {
 public:
  void UpdateArguments(grpc::ChannelArguments*) override {}
  void UpdatePlugins(std::vector<std::unique_ptr<grpc::ServerBuilderPlugin>>* plugins) override {
    std::erase_if(*plugins, [](const auto& plugin) {
      return dynamic_cast<grpc::reflection::ProtoServerReflectionPlugin*>(plugin.get()) != nullptr;
    });
  }
};

void Configure(grpc::ServerBuilder& builder, const ServerOptions& options) {
  builder.SetMaxReceiveMessageSize(static_cast<int>(options.max_request_bytes));
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE,
                             static_cast<int>(options.max_metadata_bytes));
  // Without these a stream to a peer that vanished would stay open, and a caller that keeps an idle
  // connection alive with pings would be cut off for too many of them.
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, 60'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 20'000);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS, 10'000);
  // Two brokers on one port would each get some of the calls; the second must not start instead.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  // Only reflection is served by gRPC's own threads.
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::SyncServerOption::MAX_POLLERS, 1);
  if (options.reflection) {
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();  // keeps the library linked
  } else {
    builder.SetOption(std::make_unique<WithoutReflection>());
  }
}

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options,
                                                      std::vector<Service*> services,
                                                      asio::any_io_executor executor,
                                                      const Clock& clock) {
  std::unique_ptr<Server> server(
      new Server(std::move(services), std::move(executor), clock, options));
  RETURN_IF_ERROR(server->Listen(options));
  return server;
}

Server::Server(std::vector<Service*> services, asio::any_io_executor executor, const Clock& clock,
               const ServerOptions& options)
    : services_(std::move(services)), running_(std::move(executor), clock, options.running) {
  health_.Set("", false);
  for (const Service* service : services_) health_.Set(service->name(), false);
  services_.push_back(&health_);
}

absl::Status Server::Listen(const ServerOptions& options) {
  std::shared_ptr<grpc::ServerCredentials> credentials = grpc::InsecureServerCredentials();
  if (!options.public_plaintext) {
    ASSIGN_OR_RETURN(credentials, MakeServerCredentials(options.listen, options.identity));
  }
  identity_ = options.identity;

  grpc::ServerBuilder builder;
  Configure(builder, options);
  int port = 0;
  builder.AddListeningPort(options.listen, credentials, &port);
  for (Service* service : services_) builder.RegisterService(&service->grpc_service());
  auto unserved = std::make_unique<UnservedMethods>();
  builder.RegisterAsyncGenericService(&unserved->generic_service());
  methods_.push_back(std::move(unserved));
  const std::size_t queues =
      options.queues.value_or(std::max(1U, std::thread::hardware_concurrency()));
  for (std::size_t i = 0; i < queues; ++i) {
    Poller poller;
    poller.queue = builder.AddCompletionQueue();
    poller.served =
        std::make_unique<Queue>(Queue{.queue = *poller.queue, .index = i, .stopped = stopped_});
    pollers_.push_back(std::move(poller));
  }
  server_ = builder.BuildAndStart();
  if (!server_ || port == 0) {
    return ErrorWithMessage(Reason::kInternal,
                            absl::StrCat("Cannot listen on ", options.listen,
                                         ": it is in use, or no address of this machine."));
  }
  address_ = WithPort(options.listen, port);

  for (Service* service : services_) {
    for (auto& method : service->MakeMethods(running_, queues)) {
      methods_.push_back(std::move(method));
    }
  }
  for (Poller& poller : pollers_) {
    for (const auto& method : methods_) method->Serve(*poller.served);
    poller.thread = std::thread(PollQueue, std::ref(*poller.queue));
  }
  return absl::OkStatus();
}

Server::~Server() { Shutdown(absl::ZeroDuration()); }

void Server::Shutdown(absl::Duration grace) {
  if (stopped_) return;
  health_.Shutdown();
  running_.Drain();
  if (server_) {
    server_->Shutdown(gpr_time_from_millis(absl::ToInt64Milliseconds(grace), GPR_TIMESPAN));
  }
  running_.AwaitNone();
  stopped_ = true;
  for (Poller& poller : pollers_) poller.queue->Shutdown();
  for (Poller& poller : pollers_) {
    if (poller.thread.joinable()) {
      poller.thread.join();
    } else {
      PollQueue(*poller.queue);  // never served; gRPC wants it empty all the same
    }
  }
}

}  // namespace tokenbroker::rpc
