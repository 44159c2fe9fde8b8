// A server-streaming method on completion queues.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "asio/any_io_executor.hpp"
#include "asio/associated_cancellation_slot.hpp"
#include "asio/associated_executor.hpp"
#include "asio/async_result.hpp"
#include "asio/cancellation_type.hpp"
#include "asio/error_code.hpp"
#include "asio/post.hpp"
#include "asio/steady_timer.hpp"
#include "asio/this_coro.hpp"
#include "asio/use_awaitable.hpp"
#include "grpcpp/support/async_stream.h"
#include "rpc/call.h"
#include "rpc/method.h"
#include "rpc/status_details.h"

namespace tokenbroker::rpc {

template <typename Request, typename Response>
class StreamingMethod final : public Method {
 public:
  using Writer = grpc::ServerAsyncWriter<Response>;
  // Asks for one RPC: the generated `Request<Method>` bound to its service.
  using Ask = std::function<void(grpc::ServerContext*, Request*, Writer*, grpc::CompletionQueue*,
                                 grpc::ServerCompletionQueue*, void*)>;
  // Makes the coroutine that answers one RPC. It may use its arguments until it ends. When the
  // caller hangs up and when the server drains it is cancelled: each of its waits throws from then
  // on.
  using Respond =
      std::function<asio::awaitable<grpc::Status>(Call&, const Request&, Sender<Response>&)>;

  StreamingMethod(Ask ask, Respond respond, RunningCalls& running)
      : ask_(std::move(ask)), respond_(std::move(respond)), running_(running) {}

  void Serve(Queue& queue) override { AskForOne(queue); }

 private:
  class Slot;

  void AskForOne(Queue& queue) {
    if (queue.stopped.load(std::memory_order_relaxed)) return;
    (new Slot(*this, queue))->Ask();  // gRPC has it, until its last event deletes it
  }

  // Constant after construction.
  const Ask ask_;
  const Respond respond_;
  RunningCalls& running_;
};

// One stream.
template <typename Request, typename Response>
class StreamingMethod<Request, Response>::Slot final : private Sender<Response> {
 public:
  Slot(StreamingMethod& method, Queue& queue) : method_(method), queue_(queue) {
    context_.AsyncNotifyWhenDone(done_.tag());
  }

  void Ask() {
    method_.ask_(&context_, &request_, &writer_, &queue_.queue, &queue_.queue, asked_.tag());
  }

 private:
  // How long a stream that is cancelled waits for what it has sent last to be taken.
  static constexpr std::chrono::seconds kPatienceWithReader{1};

  // On the coroutine's executor; the stream lives as long as it is not over.
  struct PendingWrite {
    explicit PendingWrite(const asio::any_io_executor& executor) : patience(executor) {}
    asio::steady_timer patience;
    bool over = false;
  };

  void OnAsked(bool ok) {
    if (!ok) {  // the server is shutting down
      delete this;
      return;
    }
    method_.AskForOne(queue_);
    const absl::Time now = method_.running_.clock().Now();
    // A stream may last: it has the caller's deadline alone.
    call_.emplace(Call{.context = context_,
                       .started_at = now,
                       .deadline = absl::FromChrono(context_.deadline()),
                       .queue = queue_.index});
    auto coroutine = method_.respond_(*call_, request_, *this);
    const TraceScope scope(call_->trace);
    auto flight = method_.running_.Run(
        RunningCalls::Kind::kStream, std::move(coroutine),
        [this](const grpc::Status& status) { writer_.Finish(status, finished_.tag()); });
    if (flight.ok()) {
      flight_ = *std::move(flight);
    } else {
      writer_.Finish(ToGrpcStatus(flight.status()), finished_.tag());
    }
  }

  asio::awaitable<bool> Send(const Response& message) override {
    // A stream that was cancelled before would not hear of it while it waits for its reader.
    const auto state = co_await asio::this_coro::cancellation_state;
    if (state.cancelled() != asio::cancellation_type::none) co_return false;
    co_return co_await Write(message);
  }

  asio::awaitable<bool> Write(const Response& message) {
    return asio::async_initiate<decltype(asio::use_awaitable), void(bool)>(
        [this, &message](auto handler) {
          auto executor = asio::get_associated_executor(handler);
          auto write = std::make_shared<PendingWrite>(executor);
          if (auto slot = asio::get_associated_cancellation_slot(handler); slot.is_connected()) {
            slot.assign([this, write](asio::cancellation_type) { GiveUpLater(write); });
          }
          // The queue's thread only passes the news on: the coroutine goes on where it belongs.
          sent_ = [executor, write, handler = std::move(handler)](bool ok) mutable {
            asio::post(executor, [write, handler = std::move(handler), ok]() mutable {
              write->over = true;
              write->patience.cancel();
              std::move(handler)(ok);
            });
          };
          writer_.Write(message, written_.tag());
        },
        asio::use_awaitable);
  }

  // A reader that takes nothing cannot be told that the stream is over either.
  void GiveUpLater(const std::shared_ptr<PendingWrite>& write) {
    if (write->over) return;
    write->patience.expires_after(kPatienceWithReader);
    write->patience.async_wait([this, write](const asio::error_code& error) {
      if (!error && !write->over) context_.TryCancel();
    });
  }

  void OnWritten(bool ok) { std::exchange(sent_, nullptr)(ok); }

  void OnFinished(bool) { CloseEvent(); }

  void OnDone(bool) {
    if (flight_ && context_.IsCancelled()) flight_->Cancel();
    CloseEvent();
  }

  void CloseEvent() {
    if (--open_events_ == 0) delete this;
  }

  StreamingMethod& method_;
  Queue& queue_;
  grpc::ServerContext context_;
  Request request_;
  Writer writer_{&context_};
  std::optional<Call> call_;
  std::shared_ptr<Flight> flight_;
  absl::AnyInvocable<void(bool)> sent_;
  int open_events_ = 2;  // OnFinished, OnDone
  MemberEvent<Slot, &Slot::OnAsked> asked_{*this};
  MemberEvent<Slot, &Slot::OnWritten> written_{*this};
  MemberEvent<Slot, &Slot::OnFinished> finished_{*this};
  MemberEvent<Slot, &Slot::OnDone> done_{*this};
};

}  // namespace tokenbroker::rpc
