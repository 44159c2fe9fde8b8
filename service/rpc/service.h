// A gRPC service whose methods are served by completion queues.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "grpcpp/impl/service_type.h"
#include "rpc/method.h"
#include "rpc/streaming_method.h"
#include "rpc/unary_method.h"

namespace tokenbroker::rpc {

// Outlives the server that serves it.
class Service {
 public:
  virtual ~Service() = default;
  // Full name, such as `tokenbroker.v1.TokenBroker`.
  virtual std::string name() const = 0;
  // The generated service. A method that has no Method below must be marked generic in it
  // (`WithGenericMethod_…`): it is answered UNIMPLEMENTED then. Otherwise calls of it hang.
  virtual grpc::Service& grpc_service() = 0;
  virtual std::vector<std::unique_ptr<Method>> MakeMethods(RunningCalls& running,
                                                           std::size_t queues) = 0;
};

// How many RPCs of a method are asked for ahead of time on each queue.
inline constexpr std::size_t kAskedOfOrdinary = 2;
inline constexpr std::size_t kAskedOfHot = 32;

// Makes a method from the generated `Request<Method>` of a service:
//
//   MakeUnary(generated_, &Generated::RequestGetGrant, respond, running, queues)
template <typename Generated, typename Declaring, typename Request, typename Response>
std::unique_ptr<Method> MakeUnary(Generated& generated,
                                  void (Declaring::*ask)(grpc::ServerContext*, Request*,
                                                         grpc::ServerAsyncResponseWriter<Response>*,
                                                         grpc::CompletionQueue*,
                                                         grpc::ServerCompletionQueue*, void*),
                                  typename UnaryMethod<Request, Response>::Respond respond,
                                  RunningCalls& running, std::size_t queues,
                                  std::size_t asked = kAskedOfOrdinary) {
  return std::make_unique<UnaryMethod<Request, Response>>(
      std::bind_front(ask, &generated), std::move(respond), running, queues, asked);
}

template <typename Generated, typename Declaring, typename Request, typename Response>
std::unique_ptr<Method> MakeStreaming(
    Generated& generated,
    void (Declaring::*ask)(grpc::ServerContext*, Request*, grpc::ServerAsyncWriter<Response>*,
                           grpc::CompletionQueue*, grpc::ServerCompletionQueue*, void*),
    typename StreamingMethod<Request, Response>::Respond respond, RunningCalls& running) {
  return std::make_unique<StreamingMethod<Request, Response>>(std::bind_front(ask, &generated),
                                                              std::move(respond), running);
}

}  // namespace tokenbroker::rpc
