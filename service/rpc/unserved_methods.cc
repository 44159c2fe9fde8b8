#include "rpc/unserved_methods.h"

namespace tokenbroker::rpc {

// One RPC; gRPC has it until its last event deletes it.
class UnservedMethods::Slot {
 public:
  Slot(UnservedMethods& method, Queue& queue) : method_(method), queue_(queue) {}

  void Ask() {
    method_.generic_service_.RequestCall(&context_, &stream_, &queue_.queue, &queue_.queue,
                                         asked_.tag());
  }

 private:
  void OnAsked(bool ok) {
    if (!ok) {  // the server is shutting down
      delete this;
      return;
    }
    method_.AskForOne(queue_);
    stream_.Finish({grpc::StatusCode::UNIMPLEMENTED, "This server does not have this method."},
                   finished_.tag());
  }

  void OnFinished(bool) { delete this; }

  UnservedMethods& method_;
  Queue& queue_;
  grpc::GenericServerContext context_;
  grpc::GenericServerAsyncReaderWriter stream_{&context_};
  MemberEvent<Slot, &Slot::OnAsked> asked_{*this};
  MemberEvent<Slot, &Slot::OnFinished> finished_{*this};
};

void UnservedMethods::AskForOne(Queue& queue) {
  if (!queue.stopped.load(std::memory_order_relaxed)) (new Slot(*this, queue))->Ask();
}

}  // namespace tokenbroker::rpc
