// A coroutine that answers one RPC, and the way to cancel it.
#pragma once

#include <functional>
#include <memory>

#include "asio/any_io_executor.hpp"
#include "asio/awaitable.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/strand.hpp"
#include "grpcpp/support/status.h"

namespace tokenbroker::rpc {

// What a cancellation does to the coroutine.
enum class Cancellation {
  // Fails what it waits for right now with asio::error::operation_aborted, if that can be; what it
  // waits for later, such as cleaning up, goes on. A coroutine that can wait without end may miss
  // it.
  kFailsOneWait,
  // Besides, every later wait throws asio::system_error: nothing is missed.
  kFailsEveryWait,
};

// Thread-safe. Lives as long as its coroutine, or longer where somebody keeps it.
class Flight : public std::enable_shared_from_this<Flight> {
 public:
  explicit Flight(asio::any_io_executor executor) : strand_(asio::make_strand(executor)) {}

  // Runs `coroutine` on the executor and hands what it returned to `landed`, there too. To be
  // called once. It belongs to the trace of this thread. An exception lands as CANCELLED where the
  // flight was cancelled, as INTERNAL otherwise.
  void Launch(asio::awaitable<grpc::Status> coroutine, Cancellation cancellation,
              std::function<void(grpc::Status)> landed);

  // Does nothing once it has landed.
  void Cancel();

 private:
  // A strand of its own: a cancellation signal may not be emitted beside its coroutine.
  const asio::strand<asio::any_io_executor> strand_;
  // On the strand.
  asio::cancellation_signal signal_;
  bool landed_ = false;
};

}  // namespace tokenbroker::rpc
