// A method of a service as the completion queues see it.
//
// gRPC's asynchronous API wants each RPC asked for before it comes, and answers with tags. The
// classes here and in unary_method.h and streaming_method.h are the only ones that know.
#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>

#include "absl/time/time.h"
#include "grpcpp/completion_queue.h"
#include "grpcpp/server_context.h"
#include "rpc/call.h"
#include "rpc/running_calls.h"

namespace tokenbroker::rpc {

// What a tag of a completion queue points to: something that happened to one RPC.
class Event {
 public:
  virtual void Happen(bool ok) = 0;

 protected:
  ~Event() = default;
};

// An event that calls a member function of the object that has it.
template <typename Owner, void (Owner::*kMember)(bool)>
class MemberEvent final : public Event {
 public:
  explicit MemberEvent(Owner& owner) : owner_(owner) {}
  void Happen(bool ok) override { (owner_.*kMember)(ok); }
  // As gRPC wants its tags.
  void* tag() { return static_cast<Event*>(this); }

 private:
  Owner& owner_;
};

// One completion queue and the thread that polls it.
struct Queue {
  grpc::ServerCompletionQueue& queue;
  std::size_t index;
  // Set before gRPC's queue is shut down: no RPC may be asked for any more.
  std::atomic<bool>& stopped;
};

// Asks for the RPCs of one method and answers them. Each queue's part of it is touched by that
// queue's thread alone.
class Method {
 public:
  virtual ~Method() = default;
  // Asks for the first RPCs on `queue`, which must outlive this object; before its thread runs.
  virtual void Serve(Queue& queue) = 0;
};

// The caller's deadline, but no later than the server's own.
inline absl::Time DeadlineOf(const grpc::ServerContext& context, const RunningCalls& running,
                             absl::Time now) {
  return std::min(absl::FromChrono(context.deadline()), now + running.longest_call());
}

}  // namespace tokenbroker::rpc
