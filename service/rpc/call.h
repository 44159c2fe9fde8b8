// One RPC as whoever answers it sees it.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "base/trace.h"
#include "grpcpp/server_context.h"

namespace tokenbroker::rpc {

// Lives until the RPC is answered.
struct Call {
  grpc::ServerContext& context;
  absl::Time started_at;
  // The caller's, or the server's own where the caller gave none or a later one.
  absl::Time deadline;
  // Which completion queue it came by, from 0; calls of one queue share one thread.
  std::size_t queue;
  // What the RPC belongs to, as its caller said; null where the caller said nothing. Set by Visit.
  TracePtr trace = nullptr;
};

// How a unary RPC is answered: finished already, or by a coroutine that is still to run.
class Answer {
 public:
  // Finished; on success the response has been filled in.
  Answer(grpc::Status status) : status_(std::move(status)) {}  // NOLINT: meant to convert
  // To be run where waiting is allowed. It may use the call, the request and the response until it
  // ends. It is cancelled when the caller hangs up, when the deadline has passed and when the
  // server stops waiting for it; exceptions end it with CANCELLED or INTERNAL.
  Answer(asio::awaitable<grpc::Status> coroutine)  // NOLINT: meant to convert
      : coroutine_(std::move(coroutine)) {}

  bool finished() const { return !coroutine_.has_value(); }
  const grpc::Status& status() const { return status_; }
  asio::awaitable<grpc::Status> TakeCoroutine() { return *std::move(coroutine_); }

 private:
  grpc::Status status_;
  std::optional<asio::awaitable<grpc::Status>> coroutine_;
};

// The sending half of a server-streaming RPC.
template <typename Response>
class Sender {
 public:
  // Sends one message. False: the stream is broken and the coroutine should end. Not concurrently
  // with itself. Suspends: until the message is on its way, which a reader that does not read holds
  // up; a cancellation ends that after a second, by giving the stream up.
  virtual asio::awaitable<bool> Send(const Response& message) = 0;

 protected:
  ~Sender() = default;
};

}  // namespace tokenbroker::rpc
