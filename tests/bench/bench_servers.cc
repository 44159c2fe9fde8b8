#include "bench/bench_servers.h"

#include <memory>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::bench {
namespace {

using v1::GetAccessTokenRequest;
using v1::GetAccessTokenResponse;

constexpr int kAsked = 64;

void Fill(GetAccessTokenResponse& response) {
  response.set_access_token(std::string(kTokenBytes, 'x'));
  response.set_token_type("Bearer");
  response.mutable_expires_at()->set_seconds(1767225600);
  response.add_scopes("openid");
  response.set_generation(1);
}

std::string AddressOf(int port) { return absl::StrCat("127.0.0.1:", port); }

// One RPC after the other, as gRPC's own examples do it.
class EchoCall {
 public:
  EchoCall(v1::TokenBroker::AsyncService& service, grpc::ServerCompletionQueue& queue)
      : service_(service), queue_(queue) {
    service_.RequestGetAccessToken(&context_, &request_, &writer_, &queue_, &queue_, this);
  }

  void Proceed(bool ok) {
    if (!ok || answered_) {
      delete this;
      return;
    }
    new EchoCall(service_, queue_);
    answered_ = true;
    GetAccessTokenResponse response;
    Fill(response);
    writer_.Finish(response, grpc::Status::OK, this);
  }

 private:
  v1::TokenBroker::AsyncService& service_;
  grpc::ServerCompletionQueue& queue_;
  grpc::ServerContext context_;
  GetAccessTokenRequest request_;
  grpc::ServerAsyncResponseWriter<GetAccessTokenResponse> writer_{&context_};
  bool answered_ = false;
};

class CallbackEcho final : public v1::TokenBroker::CallbackService {
  grpc::ServerUnaryReactor* GetAccessToken(grpc::CallbackServerContext* context,
                                           const GetAccessTokenRequest*,
                                           GetAccessTokenResponse* response) override {
    Fill(*response);
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(grpc::Status::OK);
    return reactor;
  }
};

}  // namespace

void ServeCompletionQueueEcho(std::size_t queues, const Ready& ready) {
  v1::TokenBroker::AsyncService service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  std::vector<std::unique_ptr<grpc::ServerCompletionQueue>> all;
  for (std::size_t i = 0; i < queues; ++i) all.push_back(builder.AddCompletionQueue());
  const auto server = builder.BuildAndStart();
  std::vector<std::thread> threads;
  for (const auto& queue : all) {
    for (int i = 0; i < kAsked; ++i) new EchoCall(service, *queue);
    threads.emplace_back([&queue] {
      void* tag = nullptr;
      bool ok = false;
      while (queue->Next(&tag, &ok)) static_cast<EchoCall*>(tag)->Proceed(ok);
    });
  }
  ready(AddressOf(port), "");
  server->Shutdown();
  for (const auto& queue : all) queue->Shutdown();
  for (std::thread& thread : threads) thread.join();
}

void ServeCallbackEcho(std::size_t, const Ready& ready) {
  CallbackEcho service;
  grpc::ServerBuilder builder;
  int port = 0;
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port);
  builder.RegisterService(&service);
  const auto server = builder.BuildAndStart();
  ready(AddressOf(port), "");
  server->Shutdown();
}

}  // namespace tokenbroker::bench
