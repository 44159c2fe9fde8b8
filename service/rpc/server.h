// The gRPC server: listens, and polls completion queues that serve every RPC.
//
//   ASSIGN_OR_RETURN(auto server, rpc::Server::Start(options, {&token_broker}, executor, clock));
//   server->health().Set("", true);
//   ...
//   server->Shutdown(absl::Seconds(25));
//
// No callback-API service may be in the process: it would bring pollers of its own, and every call
// would be handed between threads (docs/benchmarks.md has the numbers).
#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "asio/any_io_executor.hpp"
#include "base/clock.h"
#include "grpcpp/server.h"
#include "rpc/health_service.h"
#include "rpc/running_calls.h"
#include "rpc/server_credentials.h"
#include "rpc/service.h"

namespace tokenbroker::rpc {

struct ServerOptions {
  // `host:port` (port 0: a free one) or `unix:/path`. Plaintext only where IsLocalAddress, or with
  // `public_plaintext`.
  std::string listen = "127.0.0.1:7070";
  std::shared_ptr<ServerIdentity> identity = nullptr;  // for TLS
  // Plaintext anywhere: only for what is no secret.
  bool public_plaintext = false;
  // Completion queues, each with a thread. Nothing: one for each processor.
  std::optional<std::size_t> queues = std::nullopt;
  std::size_t max_request_bytes = std::size_t{1} << 20;
  std::size_t max_metadata_bytes = std::size_t{32} << 10;
  RunningCalls::Options running = {};
  bool reflection = true;
};

// Thread-safe.
class Server {
 public:
  // Listens and serves `services`, and health beside them with every service NOT_SERVING at first.
  // Coroutines run on `executor`, which must run until the destructor has returned.
  //
  // Errors: those of MakeServerCredentials; INTERNAL, with a message for people, where the address
  // cannot be listened on.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options,
                                                       std::vector<Service*> services,
                                                       asio::any_io_executor executor,
                                                       const Clock& clock);
  // Shuts down without grace where that has not been done.
  ~Server();

  // Where it listens, with the port in place of 0.
  const std::string& address() const { return address_; }
  HealthService& health() { return health_; }
  // Whether health says SERVING for the whole server.
  bool ready() const { return health_.serving(""); }
  // How many RPCs wait, and how many streams are open.
  RunningCalls::Count running() const { return running_.count(); }

  // Turns everything NOT_SERVING, takes no new RPC, ends streams with SHUTTING_DOWN, and gives the
  // RPCs that run `grace` to finish before they are cancelled. Returns when none is left; once.
  void Shutdown(absl::Duration grace);

 private:
  // One completion queue with its thread.
  struct Poller {
    std::unique_ptr<grpc::ServerCompletionQueue> queue;
    std::unique_ptr<Queue> served;
    std::thread thread;
  };

  Server(std::vector<Service*> services, asio::any_io_executor executor, const Clock& clock,
         const ServerOptions& options);
  absl::Status Listen(const ServerOptions& options);

  // Constant after Start.
  std::vector<Service*> services_;
  std::string address_;
  std::shared_ptr<ServerIdentity> identity_;  // gRPC asks it for as long as it serves

  HealthService health_;
  RunningCalls running_;
  std::atomic<bool> stopped_ = false;
  std::vector<std::unique_ptr<Method>> methods_;
  std::vector<Poller> pollers_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace tokenbroker::rpc
