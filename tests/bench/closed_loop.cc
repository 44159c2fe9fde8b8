#include "bench/closed_loop.h"

#include <cstdio>
#include <cstdlib>
#include <memory>
#include <optional>
#include <vector>

#include "bench/bench_servers.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/create_channel.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::bench {
namespace {

// One of the calls in flight, made again and again.
class Lane {
 public:
  Lane(v1::TokenBroker::Stub& stub, grpc::CompletionQueue& queue, const Load& load)
      : stub_(stub),
        queue_(queue),
        authorization_(load.bearer.empty() ? "" : "Bearer " + load.bearer),
        traceparent_(load.traceparent) {
    request_.set_grant_id(kGrantId);
  }

  void Begin() {
    context_.emplace();
    if (!authorization_.empty()) context_->AddMetadata("authorization", authorization_);
    if (!traceparent_.empty()) context_->AddMetadata("traceparent", traceparent_);
    response_.Clear();
    reader_ = stub_.AsyncGetAccessToken(&*context_, request_, &queue_);
    reader_->Finish(&response_, &status_, this);
  }

  void Check() const {
    if (status_.ok() && response_.access_token().size() == kTokenBytes) return;
    std::fprintf(stderr, "A call failed: %s\n", status_.error_message().c_str());
    std::exit(1);
  }

 private:
  v1::TokenBroker::Stub& stub_;
  grpc::CompletionQueue& queue_;
  const std::string authorization_;
  const std::string traceparent_;
  v1::GetAccessTokenRequest request_;
  v1::GetAccessTokenResponse response_;
  grpc::Status status_;
  std::optional<grpc::ClientContext> context_;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetAccessTokenResponse>> reader_;
};

}  // namespace

std::uint64_t RunClosedLoop(const Load& load, std::chrono::duration<double> duration) {
  std::vector<std::unique_ptr<v1::TokenBroker::Stub>> stubs;
  for (std::size_t i = 0; i < load.connections; ++i) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // a connection of its own
    stubs.push_back(v1::TokenBroker::NewStub(
        grpc::CreateCustomChannel(load.address, grpc::InsecureChannelCredentials(), arguments)));
  }
  grpc::CompletionQueue queue;
  std::vector<std::unique_ptr<Lane>> lanes;
  for (std::size_t i = 0; i < load.in_flight; ++i) {
    lanes.push_back(std::make_unique<Lane>(*stubs[i % stubs.size()], queue, load));
    lanes.back()->Begin();
  }
  const auto end = std::chrono::steady_clock::now() + duration;
  std::uint64_t calls = 0;
  std::size_t open = lanes.size();
  void* tag = nullptr;
  bool ok = false;
  while (open > 0 && queue.Next(&tag, &ok)) {
    auto* lane = static_cast<Lane*>(tag);
    lane->Check();
    ++calls;
    if (std::chrono::steady_clock::now() < end) {
      lane->Begin();
    } else {
      --open;
    }
  }
  return calls;
}

}  // namespace tokenbroker::bench
