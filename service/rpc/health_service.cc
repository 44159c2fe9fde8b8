#include "rpc/health_service.h"

#include <chrono>
#include <utility>

#include "asio/any_io_executor.hpp"
#include "asio/post.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"

namespace tokenbroker::rpc {
namespace {

HealthService::Status StatusOf(bool serving) {
  return serving ? grpc::health::v1::HealthCheckResponse::SERVING
                 : grpc::health::v1::HealthCheckResponse::NOT_SERVING;
}

}  // namespace

// What wakes one Watch. Waiting happens on the stream's own executor, a strand.
class HealthService::Watcher : public std::enable_shared_from_this<Watcher> {
 public:
  explicit Watcher(const asio::any_io_executor& executor) : timer_(executor) {
    timer_.expires_at(std::chrono::steady_clock::time_point::max());
  }

  // From any thread.
  void Wake() {
    asio::post(timer_.get_executor(), [self = shared_from_this()] {
      self->woken_ = true;
      self->timer_.cancel();
    });
  }

  // Suspends until woken since the last time, or cancelled.
  asio::awaitable<void> Wait() {
    if (!woken_) {
      asio::error_code ignored;
      co_await timer_.async_wait(asio::redirect_error(asio::use_awaitable, ignored));
    }
    woken_ = false;
  }

 private:
  asio::steady_timer timer_;
  bool woken_ = false;
};

class HealthService::Registration {
 public:
  Registration(HealthService& service, std::shared_ptr<Watcher> watcher)
      : service_(service), watcher_(std::move(watcher)) {
    service_.Register(watcher_);
  }
  ~Registration() { service_.Unregister(watcher_); }
  Registration(const Registration&) = delete;
  Registration& operator=(const Registration&) = delete;

 private:
  HealthService& service_;
  const std::shared_ptr<Watcher> watcher_;
};

void HealthService::Set(std::string_view service, bool serving) {
  absl::MutexLock lock(&mutex_);
  states_.insert_or_assign(std::string(service), StatusOf(serving));
  WakeWatchers();
}

void HealthService::SetAll(bool serving) {
  absl::MutexLock lock(&mutex_);
  for (auto& [service, status] : states_) status = StatusOf(serving);
  WakeWatchers();
}

void HealthService::WakeWatchers() {
  for (const auto& watcher : watchers_) watcher->Wake();
}

std::optional<HealthService::Status> HealthService::Find(std::string_view service) const {
  absl::MutexLock lock(&mutex_);
  const auto found = states_.find(service);
  if (found == states_.end()) return std::nullopt;
  return found->second;
}

void HealthService::Register(const std::shared_ptr<Watcher>& watcher) {
  absl::MutexLock lock(&mutex_);
  watchers_.insert(watcher);
}

void HealthService::Unregister(const std::shared_ptr<Watcher>& watcher) {
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

asio::awaitable<grpc::Status> HealthService::Watch(const Request& request,
                                                   Sender<Response>& sender) {
  const auto executor = co_await asio::this_coro::executor;
  const auto watcher = std::make_shared<Watcher>(executor);
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
