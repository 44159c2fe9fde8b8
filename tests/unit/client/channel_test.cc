#include "tokenbroker/channel.h"

#include <chrono>
#include <map>
#include <memory>
#include <string>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "gmock/gmock.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/generic/async_generic_service.h"
#include "grpcpp/generic/generic_stub.h"
#include "grpcpp/security/server_credentials.h"
#include "grpcpp/server.h"
#include "grpcpp/server_builder.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::client {
namespace {

// Answers the first call of each method as a replica does that ends, and the others with OK and an
// empty message. Thread-safe.
class EndingBroker final : public grpc::CallbackGenericService {
 public:
  explicit EndingBroker(grpc::Status first) : first_(std::move(first)) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterCallbackGenericService(this);
    server_ = builder.BuildAndStart();
  }
  ~EndingBroker() override { server_->Shutdown(std::chrono::system_clock::now()); }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  int calls(const std::string& path) {
    absl::MutexLock lock(&mutex_);
    return calls_[path];
  }

 private:
  class Answer final : public grpc::ServerGenericBidiReactor {
   public:
    explicit Answer(const grpc::Status& status) {
      if (status.ok()) {
        StartWriteAndFinish(&empty_, grpc::WriteOptions(), status);
      } else {
        Finish(status);
      }
    }
    void OnDone() override { delete this; }

   private:
    const grpc::Slice nothing_;
    const grpc::ByteBuffer empty_{&nothing_, 1};
  };

  grpc::ServerGenericBidiReactor* CreateReactor(
      grpc::GenericCallbackServerContext* context) override {
    absl::MutexLock lock(&mutex_);
    return new Answer(++calls_[context->method()] == 1 ? first_ : grpc::Status::OK);
  }

  const grpc::Status first_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  absl::Mutex mutex_;
  std::map<std::string, int> calls_ ABSL_GUARDED_BY(mutex_);  // by path
};

grpc::Status Call(grpc::GenericStub& stub, const std::string& path) {
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(30));
  grpc::CompletionQueue queue;
  const grpc::Slice nothing;
  const auto call = stub.PrepareUnaryCall(&context, path, grpc::ByteBuffer(&nothing, 1), &queue);
  grpc::ByteBuffer response;
  grpc::Status status;
  call->StartCall();
  call->Finish(&response, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

class Repeating : public ::testing::TestWithParam<grpc::StatusCode> {};

// A rolling restart costs no call that may come twice, whichever RPC it is.
TEST_P(Repeating, IsDoneForEveryRpcThatMayComeTwice) {
  EndingBroker broker(grpc::Status(GetParam(), "going away"));
  grpc::GenericStub stub(MakeChannel({.address = broker.address()}));
  const auto& service = *v1::GetGrantRequest::descriptor()->file()->service(0);
  ASSERT_GT(service.method_count(), 8);
  for (int i = 0; i < service.method_count(); ++i) {
    const std::string& name = service.method(i)->name();
    if (service.method(i)->server_streaming()) continue;  // TokenWatch begins them again
    const std::string path = "/" + service.full_name() + "/" + name;
    const grpc::Status status = Call(stub, path);
    if (name == "ExchangeToken") {
      EXPECT_EQ(status.error_code(), GetParam());
      EXPECT_EQ(broker.calls(path), 1) << "the provider may have taken the subject token";
    } else {
      EXPECT_TRUE(status.ok()) << name << ": " << status.error_message();
      EXPECT_EQ(broker.calls(path), 2) << name;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(AReplicaEnds, Repeating,
                         ::testing::Values(grpc::StatusCode::UNAVAILABLE,
                                           grpc::StatusCode::CANCELLED));

TEST(NotRepeating, IsRightForWhatFailsAlikeAgain) {
  EndingBroker broker(grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "sign in again"));
  grpc::GenericStub stub(MakeChannel({.address = broker.address()}));
  const std::string path = "/tokenbroker.v1.TokenBroker/GetAccessToken";
  EXPECT_EQ(Call(stub, path).error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(broker.calls(path), 1);
}

}  // namespace
}  // namespace tokenbroker::client
