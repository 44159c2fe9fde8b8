// grpc.health.v1.Health on completion queues. gRPC's own uses the callback API, whose threads make
// every other RPC dearer, and carries no descriptor for reflection.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/container/flat_hash_set.h"
#include "absl/synchronization/mutex.h"
#include "grpc/health/v1/health.grpc.pb.h"
#include "net/wake_up.h"
#include "rpc/service.h"

namespace tokenbroker::rpc {

// Thread-safe. For everybody: whether a service is up is no secret.
class HealthService final : public Service {
 public:
  using Status = grpc::health::v1::HealthCheckResponse::ServingStatus;

  // The service name that asks for the process itself: SERVING whatever else is away, for as long
  // as the threads of the executor come round to it. A process that does not answer wants a
  // restart.
  static constexpr std::string_view kLiveness = "liveness";

  // Sets the state of `service`; the empty name is the whole server. A name never set is unknown:
  // Check answers NOT_FOUND and Watch SERVICE_UNKNOWN.
  void Set(std::string_view service, bool serving) ABSL_LOCKS_EXCLUDED(mutex_);
  // The same for every name set so far.
  void SetAll(bool serving) ABSL_LOCKS_EXCLUDED(mutex_);
  // Every name set so far is NOT_SERVING from now on, whatever is set later.
  void Shutdown() ABSL_LOCKS_EXCLUDED(mutex_);

  // Whether `service` is SERVING.
  bool serving(std::string_view service) const ABSL_LOCKS_EXCLUDED(mutex_);

  std::string name() const override { return "grpc.health.v1.Health"; }
  grpc::Service& grpc_service() override { return generated_; }
  std::vector<std::unique_ptr<Method>> MakeMethods(RunningCalls& running,
                                                   std::size_t queues) override;

 private:
  using Request = grpc::health::v1::HealthCheckRequest;
  using Response = grpc::health::v1::HealthCheckResponse;
  class Registration;

  std::optional<Status> Find(std::string_view service) const ABSL_LOCKS_EXCLUDED(mutex_);
  // A coroutine because that is what runs on the executor.
  static asio::awaitable<grpc::Status> Live(Response& response);
  // Ends by exception, when it is cancelled.
  asio::awaitable<grpc::Status> Watch(const Request& request, Sender<Response>& sender);
  void WakeWatchers() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  void Register(const std::shared_ptr<WakeUp>& watcher) ABSL_LOCKS_EXCLUDED(mutex_);
  void Unregister(const std::shared_ptr<WakeUp>& watcher) ABSL_LOCKS_EXCLUDED(mutex_);

  grpc::health::v1::Health::AsyncService generated_;

  mutable absl::Mutex mutex_;
  bool is_shut_down_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, Status, std::less<>> states_ ABSL_GUARDED_BY(mutex_);
  absl::flat_hash_set<std::shared_ptr<WakeUp>> watchers_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::rpc
