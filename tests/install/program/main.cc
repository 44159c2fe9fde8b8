// A program outside this project that uses the installed client library.
#include <chrono>

#include "grpcpp/grpcpp.h"
#include "tokenbroker/channel.h"
#include "tokenbroker/error.h"
#include "tokenbroker/v1/token_broker.grpc.pb.h"

int main() {
  // Nobody listens there: the call fails, and how it failed can be read.
  const auto channel = tokenbroker::client::MakeChannel({.address = "unix:/nonexistent/broker"});
  const auto stub = tokenbroker::v1::TokenBroker::NewStub(channel);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(5));
  tokenbroker::v1::GetAccessTokenResponse response;
  const grpc::Status status = stub->GetAccessToken(&context, {}, &response);
  const bool failed_as_expected = status.error_code() == grpc::StatusCode::UNAVAILABLE ||
                                  status.error_code() == grpc::StatusCode::DEADLINE_EXCEEDED;
  return failed_as_expected && tokenbroker::client::ReadErrorDetails(status).reason.empty() ? 0 : 1;
}
