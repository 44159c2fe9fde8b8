// The right to send one request to a provider, taken before anything is written down or used up.
#pragma once

#include <atomic>
#include <memory>

namespace tokenbroker::provider {

// Who waits for a request, the most urgent first.
enum class Priority {
  kCaller,    // somebody who waits for a token
  kCallback,  // what a sign-in that has just been finished needs; nobody waits for all of it
  kSchedule,  // work ahead of time
};
inline constexpr int kPriorities = 3;

// How urgent a request is, also while it waits: whoever joins those who want its result may raise
// it. Copies share it. Thread-safe.
class Urgency {
 public:
  explicit Urgency(Priority priority) : value_(std::make_shared<std::atomic<Priority>>(priority)) {}

  Priority now() const { return value_->load(std::memory_order_relaxed); }

  // Never makes it less urgent.
  void Raise(Priority priority) const {
    Priority seen = now();
    while (priority < seen && !value_->compare_exchange_weak(seen, priority)) {
    }
  }

 private:
  std::shared_ptr<std::atomic<Priority>> value_;
};

class Passage;

// Null: none. Given back when the last copy goes, whether it was used or not. Thread-safe to drop.
using Permit = std::shared_ptr<Passage>;

}  // namespace tokenbroker::provider
