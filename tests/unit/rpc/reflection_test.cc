// That tools like grpcurl need no proto files. The messages of reflection are written by hand here:
// its generated code is inside gRPC's library, without headers.
#include <memory>
#include <string>

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

// One ServerReflectionRequest with one string field; its answer as it is on the wire.
std::string Ask(grpc::GenericStub& stub, int field, const std::string& value) {
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
  EXPECT_TRUE(next());
  const grpc::Slice slice(request);
  stream->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  EXPECT_TRUE(next());
  grpc::ByteBuffer response;
  stream->Read(&response, nullptr);
  EXPECT_TRUE(next());
  grpc::Slice whole;
  EXPECT_TRUE(response.TrySingleSlice(&whole).ok() || response.DumpToSingleSlice(&whole).ok());
  grpc::Status status;
  stream->Finish(&status, nullptr);
  next();
  EXPECT_TRUE(status.ok()) << status.error_message();
  return {reinterpret_cast<const char*>(whole.begin()), whole.size()};
}

TEST(Reflection, ListsServicesAndDescribesThem) {
  testing::Workers workers;
  SystemClock clock;
  ASSERT_OK_AND_ASSIGN(const auto server, Server::Start({.listen = testing::UnixSocketAddress()},
                                                        {}, workers.executor(), clock));
  grpc::GenericStub stub(
      grpc::CreateChannel(server->address(), grpc::InsecureChannelCredentials()));
  constexpr int kFileContainingSymbol = 4;
  constexpr int kListServices = 7;
  EXPECT_THAT(Ask(stub, kListServices, "*"), HasSubstr("grpc.health.v1.Health"));
  // gRPC's own health service has no descriptor to show; ours must.
  EXPECT_THAT(Ask(stub, kFileContainingSymbol, "grpc.health.v1.Health"),
              HasSubstr("HealthCheckRequest"));
}

}  // namespace
}  // namespace tokenbroker::rpc
