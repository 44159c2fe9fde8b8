// What a test needs around a real rpc::Server: threads to run coroutines on, a socket, a reason.
#pragma once

#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "asio/executor_work_guard.hpp"
#include "asio/io_context.hpp"
#include "base/random.h"
#include "google/rpc/error_details.pb.h"
#include "google/rpc/status.pb.h"
#include "grpcpp/support/status.h"

namespace tokenbroker::testing {

// Threads that run coroutines until the end of the scope.
class Workers {
 public:
  static constexpr int kThreads = 2;

  Workers() {
    for (int i = 0; i < kThreads; ++i) threads_.emplace_back([this] { context_.run(); });
  }
  ~Workers() {
    work_.reset();
    for (std::thread& thread : threads_) thread.join();
  }

  asio::any_io_executor executor() { return context_.get_executor(); }

 private:
  asio::io_context context_;
  asio::executor_work_guard<asio::io_context::executor_type> work_ =
      asio::make_work_guard(context_);
  std::vector<std::thread> threads_;
};

// The address of a Unix socket that is nobody else's.
inline std::string UnixSocketAddress() {
  return absl::StrCat("unix:/tmp/tokenbroker-test-", ::getpid(), "-", RandomToken(8));
}

// The google.rpc.ErrorInfo.reason of an error; empty where it has none.
inline std::string ReasonIn(const grpc::Status& status) {
  google::rpc::Status details;
  google::rpc::ErrorInfo info;
  if (details.ParseFromString(status.error_details()) && details.details_size() > 0) {
    details.details(0).UnpackTo(&info);
  }
  return info.reason();
}

}  // namespace tokenbroker::testing
