// That tools like grpcurl need no proto files. The messages of reflection are written by hand here:
// its generated code is inside gRPC's library, without headers.
#include <memory>
#include <string>
#include <utility>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "grpcpp/create_channel.h"
#include "grpcpp/generic/generic_stub.h"
#include "rpc/server.h"
#include "support/grpc_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::rpc {
namespace {

using ::testing::HasSubstr;

constexpr int kFileContainingSymbol = 4;
constexpr int kListServices = 7;

// One ServerReflectionRequest with one string field; its answer as it is on the wire, and how the
// stream ends.
std::pair<std::string, grpc::Status> Ask(grpc::GenericStub& stub, int field,
                                         const std::string& value) {
  std::string request;
  request += static_cast<char>(field << 3 | 2);
  request += static_cast<char>(value.size());
  request += value;
  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  const auto next = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    return queue.Next(&tag, &ok) && ok;
  };
  const auto stream = stub.PrepareCall(
      &context, "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", &queue);
  stream->StartCall(nullptr);
  next();
  const grpc::Slice slice(request);
  stream->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  next();
  grpc::ByteBuffer response;
  stream->Read(&response, nullptr);
  grpc::Slice whole;
  if (next() && !response.TrySingleSlice(&whole).ok()) {
    EXPECT_TRUE(response.DumpToSingleSlice(&whole).ok());
  }
  grpc::Status status;
  stream->Finish(&status, nullptr);
  next();
  return {{reinterpret_cast<const char*>(whole.begin()), whole.size()}, status};
}

class Reflection : public ::testing::Test {
 protected:
  void Start(bool reflection) {
    const ServerOptions options{.listen = testing::UnixSocketAddress(), .reflection = reflection};
    ASSERT_OK_AND_ASSIGN(server_, Server::Start(options, {}, workers_.executor(), clock_));
    stub_ = std::make_unique<grpc::GenericStub>(
        grpc::CreateChannel(server_->address(), grpc::InsecureChannelCredentials()));
  }

  testing::Workers workers_;
  SystemClock clock_;
  std::unique_ptr<Server> server_;
  std::unique_ptr<grpc::GenericStub> stub_;
};

TEST_F(Reflection, ListsServicesAndDescribesThem) {
  Start(true);
  const auto [services, listed] = Ask(*stub_, kListServices, "*");
  EXPECT_TRUE(listed.ok()) << listed.error_message();
  EXPECT_THAT(services, HasSubstr("grpc.health.v1.Health"));
  // gRPC's own health service has no descriptor to show; ours must.
  const auto [file, described] = Ask(*stub_, kFileContainingSymbol, "grpc.health.v1.Health");
  EXPECT_TRUE(described.ok()) << described.error_message();
  EXPECT_THAT(file, HasSubstr("HealthCheckRequest"));
}

TEST_F(Reflection, IsNotServedWhereItIsSwitchedOff) {
  Start(false);
  const auto [services, status] = Ask(*stub_, kListServices, "*");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(services, "");
}

}  // namespace
}  // namespace tokenbroker::rpc
