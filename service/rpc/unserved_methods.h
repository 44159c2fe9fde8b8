// Answers UNIMPLEMENTED to every RPC that no other method of the server takes: methods of a service
// that are marked generic, and names that do not exist.
#pragma once

#include "grpcpp/generic/async_generic_service.h"
#include "rpc/method.h"

namespace tokenbroker::rpc {

class UnservedMethods final : public Method {
 public:
  // To be registered with the server's builder.
  grpc::AsyncGenericService& generic_service() { return generic_service_; }

  void Serve(Queue& queue) override { AskForOne(queue); }

 private:
  class Slot;

  void AskForOne(Queue& queue);

  grpc::AsyncGenericService generic_service_;
};

}  // namespace tokenbroker::rpc
