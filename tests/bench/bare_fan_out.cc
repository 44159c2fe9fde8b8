#include "bench/bare_fan_out.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server_builder.h"

namespace tokenbroker::bench {

// One stream, from the moment that the server is ready for it. Its events come one after the other.
class BareFanOut::Stream {
 public:
  Stream(v1::TokenBroker::AsyncService& service, grpc::ServerCompletionQueue& queue) {
    service.RequestWatchAccessToken(&context_, &request_, &writer_, &queue, &queue, this);
  }

  // Whether it has begun with this event; otherwise what it sent last is written.
  bool Begins() {
    const absl::MutexLock lock(&mutex_);
    return !std::exchange(begun_, true);
  }

  void Send(const v1::GetAccessTokenResponse& message) {
    const absl::MutexLock lock(&mutex_);
    if (!begun_) return;
    if (std::exchange(writing_, true)) {
      next_ = std::make_unique<v1::GetAccessTokenResponse>(message);
    } else {
      writer_.Write(message, this);
    }
  }

  void OnWritten() {
    const absl::MutexLock lock(&mutex_);
    writing_ = next_ != nullptr;
    if (const auto next = std::exchange(next_, nullptr)) writer_.Write(*next, this);
  }

 private:
  grpc::ServerContext context_;
  v1::WatchAccessTokenRequest request_;
  grpc::ServerAsyncWriter<v1::GetAccessTokenResponse> writer_{&context_};
  absl::Mutex mutex_;
  bool begun_ ABSL_GUARDED_BY(mutex_) = false;
  bool writing_ ABSL_GUARDED_BY(mutex_) = false;
  std::unique_ptr<v1::GetAccessTokenResponse> next_ ABSL_GUARDED_BY(mutex_);
};

BareFanOut::BareFanOut(int threads) {
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service_);
  for (int i = 0; i < threads; ++i) queues_.push_back(builder.AddCompletionQueue());
  server_ = builder.BuildAndStart();
  address_ = absl::StrCat("127.0.0.1:", port);
  for (const auto& queue : queues_) {
    threads_.emplace_back([this, &queue] { Serve(*queue); });
  }
}

BareFanOut::~BareFanOut() {
  server_->Shutdown(std::chrono::system_clock::now());
  for (const auto& queue : queues_) queue->Shutdown();
  for (std::thread& thread : threads_) thread.join();
}

void BareFanOut::Publish(const std::string& token) {
  const absl::MutexLock lock(&mutex_);
  newest_.set_access_token(token);
  for (const auto& stream : streams_) stream->Send(newest_);
}

void BareFanOut::Serve(grpc::ServerCompletionQueue& queue) {
  const auto await_another = [&] {
    const absl::MutexLock lock(&mutex_);
    streams_.push_back(std::make_unique<Stream>(service_, queue));
  };
  await_another();
  void* tag = nullptr;
  bool ok = false;
  while (queue.Next(&tag, &ok)) {
    auto& stream = *static_cast<Stream*>(tag);
    if (!ok) continue;  // it or the server is gone
    if (stream.Begins()) {
      {
        const absl::MutexLock lock(&mutex_);
        stream.Send(newest_);
      }
      await_another();
    } else {
      stream.OnWritten();
    }
  }
}

}  // namespace tokenbroker::bench
