#include "rpc/health_service.h"

#include <chrono>
#include <memory>

#include "absl/synchronization/blocking_counter.h"
#include "absl/synchronization/notification.h"
#include "asio/post.hpp"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "rpc/server.h"
#include "support/grpc_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::rpc {
namespace {

using grpc::health::v1::HealthCheckRequest;
using grpc::health::v1::HealthCheckResponse;

class Health : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_OK_AND_ASSIGN(server_, Server::Start({.listen = testing::UnixSocketAddress()}, {},
                                                workers_.executor(), clock_));
    stub_ = grpc::health::v1::Health::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
    request_.set_service("");
  }

  testing::Workers workers_;
  SystemClock clock_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<grpc::health::v1::Health::Stub> stub_;
  HealthCheckRequest request_;
};

TEST_F(Health, CheckTellsTheState) {
  for (const auto& [serving, expected] :
       {std::pair(true, HealthCheckResponse::SERVING), {false, HealthCheckResponse::NOT_SERVING}}) {
    server_->health().Set("", serving);
    grpc::ClientContext context;
    HealthCheckResponse response;
    ASSERT_TRUE(stub_->Check(&context, request_, &response).ok());
    EXPECT_EQ(response.status(), expected);
  }
}

TEST_F(Health, CheckDoesNotKnowOtherServices) {
  request_.set_service("nobody.knows");
  grpc::ClientContext context;
  HealthCheckResponse response;
  EXPECT_EQ(stub_->Check(&context, request_, &response).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST_F(Health, LivenessDependsOnNothing) {
  request_.set_service("liveness");
  for (const bool serving : {true, false}) {
    server_->health().Set("", serving);
    grpc::ClientContext context;
    HealthCheckResponse response;
    ASSERT_TRUE(stub_->Check(&context, request_, &response).ok());
    EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  }
}

TEST_F(Health, LivenessNeedsTheThreadsThatWork) {
  // Shared: the threads look at both after this test has ended.
  const auto release = std::make_shared<absl::Notification>();
  const auto busy = std::make_shared<absl::BlockingCounter>(testing::Workers::kThreads);
  for (int i = 0; i < testing::Workers::kThreads; ++i) {
    asio::post(workers_.executor(), [release, busy] {
      busy->DecrementCount();
      release->WaitForNotification();
    });
  }
  busy->Wait();
  request_.set_service("liveness");
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(100));
  HealthCheckResponse response;
  EXPECT_EQ(stub_->Check(&context, request_, &response).error_code(),
            grpc::StatusCode::DEADLINE_EXCEEDED);
  release->Notify();
}

TEST_F(Health, IsNotServingOnceShutDown) {
  server_->health().Set("", true);
  server_->health().Shutdown();
  server_->health().Set("", true);
  grpc::ClientContext context;
  HealthCheckResponse response;
  ASSERT_TRUE(stub_->Check(&context, request_, &response).ok());
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
}

TEST_F(Health, WatchTellsEachChange) {
  grpc::ClientContext context;
  const auto stream = stub_->Watch(&context, request_);
  HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  server_->health().Set("", true);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
  server_->health().Set("", true);  // no change, no message
  server_->health().Set("", false);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::NOT_SERVING);
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(Health, WatchWaitsForAServiceThatIsNotThereYet) {
  request_.set_service("later");
  grpc::ClientContext context;
  const auto stream = stub_->Watch(&context, request_);
  HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVICE_UNKNOWN);
  server_->health().Set("later", true);
  ASSERT_TRUE(stream->Read(&response));
  EXPECT_EQ(response.status(), HealthCheckResponse::SERVING);
}

TEST_F(Health, WatchEndsWhenTheServerShutsDown) {
  grpc::ClientContext context;
  const auto stream = stub_->Watch(&context, request_);
  HealthCheckResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server_->Shutdown(absl::Seconds(5));
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(testing::ReasonIn(status), "SHUTTING_DOWN");
}

}  // namespace
}  // namespace tokenbroker::rpc
