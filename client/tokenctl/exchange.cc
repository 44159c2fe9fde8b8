#include "exchange.h"

#include <chrono>
#include <cstdio>
#include <string>

#include "grpcpp/client_context.h"

namespace tokenbroker::tokenctl {

ExitCode Exchange(v1::TokenBroker::Stub& broker, v1::ExchangeTokenRequest request,
                  std::istream& input, bool json) {
  std::getline(input, *request.mutable_subject_token());
  if (request.subject_token().empty()) {
    std::fprintf(stderr, "tokenctl: exchange reads the token from standard input: there is none\n");
    return kUsage;
  }
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  v1::ExchangeTokenResponse response;
  const grpc::Status status = broker.ExchangeToken(&context, request, &response);
  if (!status.ok()) return Complain(status);
  if (json) {
    PrintJson(response);
  } else {
    std::printf("%s\n", response.access_token().c_str());
  }
  return kOk;
}

}  // namespace tokenbroker::tokenctl
