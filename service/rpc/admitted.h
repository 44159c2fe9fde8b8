// Unary RPCs that a service answers by a coroutine, once the gate has admitted their caller.
#pragma once

#include <string_view>
#include <utility>

#include "base/task.h"
#include "broker/asker.h"
#include "rpc/gate.h"
#include "rpc/unary_method.h"

namespace tokenbroker::rpc {

// What an RPC does then. Borrows its arguments until it is done.
template <typename Service, typename Request, typename Response>
using AdmittedWork = StatusTask (Service::*)(Visit& visit, const broker::Asker& asker,
                                             const Request& request, Response& response);

// Borrows all but the visit until it is done.
template <typename Service, typename Request, typename Response>
asio::awaitable<grpc::Status> ServeAdmitted(Gate& gate, Service& service, Visit visit,
                                            AdmittedWork<Service, Request, Response> work,
                                            const Request& request, Response& response) {
  const auto asker = co_await gate.Admit(visit);
  if (!asker.ok()) co_return visit.Finish(asker.status());
  const absl::Status status = co_await (service.*work)(visit, **asker, request, response);
  co_return visit.Finish(status);
}

// `rpc` is a constant, as callers' policy names it. Borrows gate and service.
template <typename Service, typename Request, typename Response>
typename UnaryMethod<Request, Response>::Respond Admitted(
    Gate& gate, Service& service, std::string_view rpc,
    AdmittedWork<Service, Request, Response> work) {
  return [&gate, &service, rpc, work](Call& call, const Request& request,
                                      Response& response) -> Answer {
    return ServeAdmitted(gate, service, Visit(gate, call, rpc), work, request, response);
  };
}

}  // namespace tokenbroker::rpc
