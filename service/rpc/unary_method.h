// A unary method on completion queues.
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "grpcpp/support/async_unary_call.h"
#include "rpc/call.h"
#include "rpc/method.h"
#include "rpc/status_details.h"

namespace tokenbroker::rpc {

template <typename Request, typename Response>
class UnaryMethod final : public Method {
 public:
  using Writer = grpc::ServerAsyncResponseWriter<Response>;
  // Asks for one RPC: the generated `Request<Method>` bound to its service.
  using Ask = std::function<void(grpc::ServerContext*, Request*, Writer*, grpc::CompletionQueue*,
                                 grpc::ServerCompletionQueue*, void*)>;
  // Answers one RPC. Called on the queue's thread, so it must not block: what waits goes into a
  // coroutine. Must not throw.
  using Respond = std::function<Answer(Call&, const Request&, Response&)>;

  // `asked` is how many RPCs are asked for ahead of time on each queue: more than one pays where
  // many come at once.
  UnaryMethod(Ask ask, Respond respond, RunningCalls& running, std::size_t queues,
              std::size_t asked)
      : ask_(std::move(ask)),
        respond_(std::move(respond)),
        running_(running),
        asked_(asked),
        lanes_(queues) {}

  void Serve(Queue& queue) override {
    for (std::size_t i = 0; i < asked_; ++i) AskForOne(queue);
  }

 private:
  class Slot;

  // What one queue's thread has of this method.
  struct alignas(64) Lane {
    std::vector<std::unique_ptr<Slot>> idle;
  };

  // A burst leaves no more than these behind.
  static constexpr std::size_t kMaxIdle = 256;

  void AskForOne(Queue& queue) {
    if (queue.stopped.load(std::memory_order_relaxed)) return;
    auto& idle = lanes_[queue.index].idle;
    if (idle.empty()) idle.push_back(std::make_unique<Slot>(*this, queue));
    std::unique_ptr<Slot> slot = std::move(idle.back());
    idle.pop_back();
    slot.release()->Ask();  // gRPC has it now, until an event brings it back
  }

  void TakeBack(std::unique_ptr<Slot> slot, const Queue& queue) {
    auto& idle = lanes_[queue.index].idle;
    if (idle.size() < kMaxIdle) idle.push_back(std::move(slot));
  }

  // Constant after construction.
  const Ask ask_;
  const Respond respond_;
  RunningCalls& running_;
  const std::size_t asked_;

  std::vector<Lane> lanes_;  // one for each queue
};

// Room for one RPC, used again and again. Everything here runs on the queue's thread, but for
// Finish after a coroutine.
template <typename Request, typename Response>
class UnaryMethod<Request, Response>::Slot {
 public:
  Slot(UnaryMethod& method, Queue& queue) : method_(method), queue_(queue) {}

  void Ask() {
    open_events_ = 0;
    rpc_.emplace();
    rpc_->context.AsyncNotifyWhenDone(done_.tag());
    method_.ask_(&rpc_->context, &rpc_->request, &rpc_->writer, &queue_.queue, &queue_.queue,
                 asked_.tag());
  }

 private:
  // What is new with each RPC.
  struct Rpc {
    grpc::ServerContext context;
    Request request;
    Response response;
    Writer writer{&context};
    std::optional<Call> call;
    std::shared_ptr<Flight> flight;
  };

  void OnAsked(bool ok) {
    if (!ok) {  // the server is shutting down
      rpc_.reset();
      method_.TakeBack(std::unique_ptr<Slot>(this), queue_);
      return;
    }
    method_.AskForOne(queue_);
    open_events_ = 2;  // OnFinished, OnDone
    const absl::Time now = method_.running_.clock().Now();
    Call& call =
        rpc_->call.emplace(Call{.context = rpc_->context,
                                .started_at = now,
                                .deadline = DeadlineOf(rpc_->context, method_.running_, now),
                                .queue = queue_.index});
    Answer answer = method_.respond_(call, rpc_->request, rpc_->response);
    if (answer.finished()) {
      Finish(answer.status());
      return;
    }
    const TraceScope scope(call.trace);
    auto flight = method_.running_.Run(RunningCalls::Kind::kUnary, answer.TakeCoroutine(),
                                       [this](const grpc::Status& status) { Finish(status); });
    if (flight.ok()) {
      rpc_->flight = *std::move(flight);
    } else {
      Finish(ToGrpcStatus(flight.status()));
    }
  }

  void Finish(const grpc::Status& status) {
    if (status.ok()) {
      rpc_->writer.Finish(rpc_->response, status, finished_.tag());
    } else {
      rpc_->writer.FinishWithError(status, finished_.tag());
    }
  }

  void OnFinished(bool) { CloseEvent(); }

  void OnDone(bool) {
    if (rpc_->flight && rpc_->context.IsCancelled()) rpc_->flight->Cancel();
    CloseEvent();
  }

  void CloseEvent() {
    if (--open_events_ > 0) return;
    rpc_.reset();  // at once: the server's shutdown waits for it
    method_.TakeBack(std::unique_ptr<Slot>(this), queue_);
  }

  UnaryMethod& method_;
  Queue& queue_;
  int open_events_ = 0;
  std::optional<Rpc> rpc_;
  MemberEvent<Slot, &Slot::OnAsked> asked_{*this};
  MemberEvent<Slot, &Slot::OnFinished> finished_{*this};
  MemberEvent<Slot, &Slot::OnDone> done_{*this};
};

}  // namespace tokenbroker::rpc
