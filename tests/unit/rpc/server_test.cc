#include "rpc/server.h"

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/cleanup/cleanup.h"
#include "absl/synchronization/notification.h"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "base/clock.h"
#include "base/error.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "support/grpc_server.h"
#include "support/status_matchers.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

namespace tokenbroker::rpc {
namespace {

using v1::GetAccessTokenRequest;
using v1::GetAccessTokenResponse;
using v1::GetGrantRequest;
using v1::GetGrantResponse;
using v1::TokenBroker;
using v1::WatchAccessTokenRequest;

// Waits until cancelled.
asio::awaitable<asio::error_code> WaitForever() {
  asio::steady_timer timer(co_await asio::this_coro::executor,
                           std::chrono::steady_clock::time_point::max());
  asio::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return error;
}

// GetAccessToken answers at once, GetGrant from a coroutine, WatchAccessToken streams; no other
// method is served. `grant_id` says how.
class ScriptedService final : public Service {
 public:
  std::string name() const override { return TokenBroker::service_full_name(); }
  grpc::Service& grpc_service() override { return generated_; }

  std::vector<std::unique_ptr<Method>> MakeMethods(RunningCalls& running,
                                                   std::size_t queues) override {
    std::vector<std::unique_ptr<Method>> methods;
    methods.push_back(MakeUnary(
        generated_, &Generated::RequestGetAccessToken,
        [](Call&, const GetAccessTokenRequest& request,
           GetAccessTokenResponse& response) -> Answer {
          if (request.grant_id() == "refused") {
            return grpc::Status(grpc::StatusCode::NOT_FOUND, "refused");
          }
          response.set_access_token("token of " + request.grant_id());
          return grpc::Status::OK;
        },
        running, queues, kAskedOfHot));
    methods.push_back(MakeUnary(
        generated_, &Generated::RequestGetGrant,
        [this](Call& call, const GetGrantRequest& request, GetGrantResponse& response) -> Answer {
          return GetGrant(call, request, response);
        },
        running, queues));
    methods.push_back(MakeStreaming(
        generated_, &Generated::RequestWatchAccessToken,
        [this](Call& call, const WatchAccessTokenRequest& request,
               Sender<GetAccessTokenResponse>& sender) { return Watch(call, request, sender); },
        running));
    return methods;
  }

  absl::Notification waiting;
  absl::Notification cancelled;
  absl::Time deadline;

 private:
  using Generated = TokenBroker::WithAsyncMethod_GetAccessToken<
      TokenBroker::WithAsyncMethod_GetGrant<TokenBroker::WithAsyncMethod_WatchAccessToken<
          TokenBroker::WithGenericMethod_ListGrants<TokenBroker::Service>>>>;

  asio::awaitable<grpc::Status> GetGrant(Call& call, const GetGrantRequest& request,
                                         GetGrantResponse& response) {
    deadline = call.deadline;
    if (request.grant_id() == "throws") throw std::runtime_error("secret text");
    if (request.grant_id() == "waits") {
      waiting.Notify();
      const auto error = co_await WaitForever();
      cancelled.Notify();
      co_return grpc::Status(grpc::StatusCode::CANCELLED, error.message());
    }
    response.mutable_grant()->set_grant_id(request.grant_id());
    co_return grpc::Status::OK;
  }

  asio::awaitable<grpc::Status> Watch(Call&, const WatchAccessTokenRequest&,
                                      Sender<GetAccessTokenResponse>& sender) {
    const auto end = absl::MakeCleanup([this] { cancelled.Notify(); });
    for (std::uint64_t generation = 1; generation <= 3; ++generation) {
      GetAccessTokenResponse response;
      response.set_generation(generation);
      if (!co_await sender.Send(response)) break;
    }
    // A wait that a cancellation ends returns; only the next one would throw.
    co_await WaitForever();
    co_return grpc::Status(grpc::StatusCode::CANCELLED, "");
  }

  Generated generated_;
};

class ServerTest : public ::testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.listen = testing::UnixSocketAddress();
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(options, {&service_}, workers_.executor(), clock_));
    stub_ = TokenBroker::NewStub(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  grpc::Status GetGrant(const std::string& grant_id) {
    grpc::ClientContext context;
    return GetGrant(context, grant_id);
  }
  grpc::Status GetGrant(grpc::ClientContext& context, const std::string& grant_id) {
    GetGrantRequest request;
    request.set_grant_id(grant_id);
    GetGrantResponse response;
    return stub_->GetGrant(&context, request, &response);
  }

  testing::Workers workers_;
  SystemClock clock_;
  ScriptedService service_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<TokenBroker::Stub> stub_;
};

TEST_F(ServerTest, AnswersAtOnce) {
  Start();
  for (int i = 0; i < 200; ++i) {
    grpc::ClientContext context;
    GetAccessTokenRequest request;
    request.set_grant_id(std::to_string(i));
    GetAccessTokenResponse response;
    ASSERT_TRUE(stub_->GetAccessToken(&context, request, &response).ok());
    EXPECT_EQ(response.access_token(), "token of " + std::to_string(i));
  }
}

TEST_F(ServerTest, RefusesAtOnce) {
  Start();
  grpc::ClientContext context;
  GetAccessTokenRequest request;
  request.set_grant_id("refused");
  GetAccessTokenResponse response;
  EXPECT_EQ(stub_->GetAccessToken(&context, request, &response).error_code(),
            grpc::StatusCode::NOT_FOUND);
}

TEST_F(ServerTest, AnswersManyConcurrentCallsFromCoroutines) {
  Start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < 50; ++i) EXPECT_TRUE(GetGrant("g").ok());
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerTest, TurnsAnExceptionIntoInternalWithoutItsText) {
  Start();
  const grpc::Status status = GetGrant("throws");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_EQ(testing::ReasonIn(status), "INTERNAL");
  EXPECT_EQ(status.error_message().find("secret"), std::string::npos);
}

TEST_F(ServerTest, CancelsTheCoroutineWhenTheCallerHangsUp) {
  Start();
  grpc::ClientContext context;
  std::thread caller(
      [&] { EXPECT_EQ(GetGrant(context, "waits").error_code(), grpc::StatusCode::CANCELLED); });
  service_.waiting.WaitForNotification();
  context.TryCancel();
  service_.cancelled.WaitForNotification();
  caller.join();
}

TEST_F(ServerTest, CancelsTheCoroutineWhenTheDeadlineHasPassed) {
  Start();
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::milliseconds(200));
  EXPECT_EQ(GetGrant(context, "waits").error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  service_.cancelled.WaitForNotification();
}

TEST_F(ServerTest, GivesACallWithoutDeadlineOneOfItsOwn) {
  Start({.running = {.longest_call = absl::Seconds(7)}});
  const absl::Time before = clock_.Now();
  ASSERT_TRUE(GetGrant("g").ok());
  EXPECT_GE(service_.deadline, before + absl::Seconds(7));
  EXPECT_LE(service_.deadline, clock_.Now() + absl::Seconds(7));
}

TEST_F(ServerTest, RefusesMoreThanTheLimitAndSaysWhenToComeBack) {
  Start({.running = {.max_calls = 1}});
  grpc::ClientContext context;
  std::thread caller([&] { GetGrant(context, "waits"); });
  service_.waiting.WaitForNotification();
  const grpc::Status status = GetGrant("g");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_EQ(testing::ReasonIn(status), "LIMIT_REACHED");
  context.TryCancel();
  caller.join();
}

TEST_F(ServerTest, RefusesARequestThatIsTooLarge) {
  Start({.max_request_bytes = 1000});
  EXPECT_EQ(GetGrant(std::string(2000, 'x')).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, RefusesMetadataThatIsTooLarge) {
  Start({.max_metadata_bytes = 4096});
  grpc::ClientContext context;
  context.AddMetadata("authorization", std::string(10'000, 'x'));
  EXPECT_EQ(GetGrant(context, "g").error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(ServerTest, AnswersUnimplementedForAMethodThatIsNotServed) {
  Start();
  grpc::ClientContext context;
  v1::ListGrantsRequest request;
  v1::ListGrantsResponse response;
  EXPECT_EQ(stub_->ListGrants(&context, request, &response).error_code(),
            grpc::StatusCode::UNIMPLEMENTED);
}

TEST_F(ServerTest, StreamsMessagesInOrder) {
  Start();
  grpc::ClientContext context;
  WatchAccessTokenRequest request;
  const auto stream = stub_->WatchAccessToken(&context, request);
  GetAccessTokenResponse response;
  for (std::uint64_t generation = 1; generation <= 3; ++generation) {
    ASSERT_TRUE(stream->Read(&response));
    EXPECT_EQ(response.generation(), generation);
  }
  context.TryCancel();
  EXPECT_EQ(stream->Finish().error_code(), grpc::StatusCode::CANCELLED);
  service_.cancelled.WaitForNotification();
}

TEST_F(ServerTest, EndsStreamsWithShuttingDown) {
  Start();
  grpc::ClientContext context;
  WatchAccessTokenRequest request;
  const auto stream = stub_->WatchAccessToken(&context, request);
  GetAccessTokenResponse response;
  ASSERT_TRUE(stream->Read(&response));
  server_->Shutdown(absl::Seconds(5));
  while (stream->Read(&response)) {
  }
  const grpc::Status status = stream->Finish();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(testing::ReasonIn(status), "SHUTTING_DOWN");
}

TEST_F(ServerTest, CancelsCallsThatOutlastTheGrace) {
  Start();
  std::thread caller([&] { EXPECT_FALSE(GetGrant("waits").ok()); });
  service_.waiting.WaitForNotification();
  server_->Shutdown(absl::Milliseconds(50));
  EXPECT_TRUE(service_.cancelled.HasBeenNotified());
  caller.join();
}

TEST(ServerStart, RefusesAnAddressInUse) {
  testing::Workers workers;
  SystemClock clock;
  ASSERT_OK_AND_ASSIGN(const auto first,
                       Server::Start({.listen = "127.0.0.1:0"}, {}, workers.executor(), clock));
  EXPECT_THAT(first->address(), ::testing::MatchesRegex("127.0.0.1:[1-9][0-9]*"));
  EXPECT_THAT(Server::Start({.listen = first->address()}, {}, workers.executor(), clock).status(),
              testing::FailsWith(Reason::kInternal));
}

}  // namespace
}  // namespace tokenbroker::rpc
