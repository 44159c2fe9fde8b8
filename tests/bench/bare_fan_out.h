// What gRPC alone takes to hand one message to many streams: the baseline of the fan-out benchmark.
#pragma once

#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/synchronization/mutex.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::bench {

// Serves WatchAccessToken with completion queues and as many threads as the broker that it is
// compared with, and asks nobody anything: no caller, policy, log or store. Whoever opens a stream
// has the newest token at once and each one that is published. Thread-safe.
class BareFanOut {
 public:
  explicit BareFanOut(int threads);
  ~BareFanOut();
  BareFanOut(const BareFanOut&) = delete;
  BareFanOut& operator=(const BareFanOut&) = delete;

  const std::string& address() const { return address_; }

  // Begins to send `token` to all streams, on this thread.
  void Publish(const std::string& token);

 private:
  class Stream;

  void Serve(grpc::ServerCompletionQueue& queue);

  v1::TokenBroker::AsyncService service_;
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> queues_;
  std::unique_ptr<grpc::Server> server_;
  std::string address_;
  std::vector<std::thread> threads_;

  absl::Mutex mutex_;
  v1::GetAccessTokenResponse newest_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Stream>> streams_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::bench
