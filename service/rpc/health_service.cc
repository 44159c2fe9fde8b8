#include "rpc/health_service.h"

#include <utility>

#include "asio/this_coro.hpp"

namespace tokenbroker::rpc {
namespace {

HealthService::Status StatusOf(bool serving) {
  return serving ? grpc::health::v1::HealthCheckResponse::SERVING
                 : grpc::health::v1::HealthCheckResponse::NOT_SERVING;
}

}  // namespace

class HealthService::Registration {
 public:
  Registration(HealthService& service, std::shared_ptr<WakeUp> watcher)
      : service_(service), watcher_(std::move(watcher)) {
    service_.Register(watcher_);
  }
  ~Registration() { service_.Unregister(watcher_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  HealthService& service_;
  const std::shared_ptr<WakeUp> watcher_;
};

void HealthService::Set(std::string_view service, bool serving) {
  absl::MutexLock lock(&mutex_);
  states_.insert_or_assign(std::string(service), StatusOf(serving && !is_shut_down_));
  WakeWatchers();
}

void HealthService::SetAll(bool serving) {
  absl::MutexLock lock(&mutex_);
  for (auto& [service, status] : states_) status = StatusOf(serving && !is_shut_down_);
  WakeWatchers();
}

void HealthService::Shutdown() {
  {
    absl::MutexLock lock(&mutex_);
    is_shut_down_ = true;
  }
  SetAll(false);
}

void HealthService::WakeWatchers() {
  for (const auto& watcher : watchers_) watcher->Wake();
}

std::optional<HealthService::Status> HealthService::Find(std::string_view service) const {
  if (service == kLiveness) return StatusOf(true);
  absl::MutexLock lock(&mutex_);
  const auto found = states_.find(service);
  if (found == states_.end()) return std::nullopt;
  return found->second;
}

bool HealthService::serving(std::string_view service) const {
  return Find(service) == StatusOf(true);
}

void HealthService::Register(const std::shared_ptr<WakeUp>& watcher) {
  absl::MutexLock lock(&mutex_);
  watchers_.insert(watcher);
}

void HealthService::Unregister(const std::shared_ptr<WakeUp>& watcher) {
  absl::MutexLock lock(&mutex_);
  watchers_.erase(watcher);
}

std::vector<std::unique_ptr<Method>> HealthService::MakeMethods(RunningCalls& running,
                                                                std::size_t queues) {
  using Generated = grpc::health::v1::Health::AsyncService;
  std::vector<std::unique_ptr<Method>> methods;
  methods.push_back(MakeUnary(
      generated_, &Generated::RequestCheck,
      [this](Call&, const Request& request, Response& response) -> Answer {
        if (request.service() == kLiveness) return Live(response);
        const auto status = Find(request.service());
        if (!status) return grpc::Status(grpc::StatusCode::NOT_FOUND, "There is no such service.");
        response.set_status(*status);
        return grpc::Status::OK;
      },
      running, queues));
  methods.push_back(MakeStreaming(
      generated_, &Generated::RequestWatch,
      [this](Call&, const Request& request, Sender<Response>& sender) {
        return Watch(request, sender);
      },
      running));
  return methods;
}

asio::awaitable<grpc::Status> HealthService::Live(Response& response) {
  response.set_status(StatusOf(true));
  co_return grpc::Status::OK;
}

asio::awaitable<grpc::Status> HealthService::Watch(const Request& request,
                                                   Sender<Response>& sender) {
  const auto executor = co_await asio::this_coro::executor;
  const auto watcher = std::make_shared<WakeUp>(executor);
  const Registration registration(*this, watcher);
  std::optional<Status> told;
  while (true) {
    const Status status =
        Find(request.service()).value_or(grpc::health::v1::HealthCheckResponse::SERVICE_UNKNOWN);
    if (status != told) {
      Response response;
      response.set_status(status);
      if (!co_await sender.Send(response)) break;
      told = status;
    } else {
      co_await watcher->Wait();
    }
  }
  co_return grpc::Status(grpc::StatusCode::CANCELLED, "");
}

}  // namespace tokenbroker::rpc
