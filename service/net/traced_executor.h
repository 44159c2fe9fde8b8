// An executor that lets what runs on it know the trace that it belongs to (base/trace.h).
#pragma once

#include <type_traits>
#include <utility>

#include "asio/any_io_executor.hpp"
#include "asio/execution.hpp"
#include "base/trace.h"

namespace tokenbroker {

// Whatever is executed here finds `trace` to be CurrentTrace(). A coroutine is resumed through its
// executor whenever it goes on, so all of it does, on whichever thread. Cheap to copy.
class TracedExecutor {
 public:
  TracedExecutor(asio::any_io_executor inner, TracePtr trace) noexcept
      : inner_(std::move(inner)), trace_(std::move(trace)) {}

  template <typename Function>
  void execute(Function&& function) const {
    inner_.execute([trace = trace_,
                    function = std::decay_t<Function>(std::forward<Function>(function))]() mutable {
      const TraceScope scope(std::move(trace));
      function();
    });
  }

  asio::execution_context& query(asio::execution::context_t) const noexcept {
    return inner_.context();
  }
  template <typename Property>
    requires asio::can_require<asio::any_io_executor, Property>::value
  TracedExecutor require(const Property& property) const {
    return {asio::require(inner_, property), trace_};
  }
  template <typename Property>
    requires asio::can_prefer<asio::any_io_executor, Property>::value
  TracedExecutor prefer(const Property& property) const {
    return {asio::prefer(inner_, property), trace_};
  }

  friend bool operator==(const TracedExecutor& a, const TracedExecutor& b) noexcept {
    return a.inner_ == b.inner_ && a.trace_ == b.trace_;
  }
  friend bool operator!=(const TracedExecutor& a, const TracedExecutor& b) noexcept {
    return !(a == b);
  }

 private:
  asio::any_io_executor inner_;
  TracePtr trace_;
};

// `executor` for work that belongs to the trace of this thread, if there is one.
inline asio::any_io_executor WithCurrentTrace(asio::any_io_executor executor) {
  if (CurrentTrace() == nullptr) return executor;
  return TracedExecutor(std::move(executor), CurrentTrace());
}

}  // namespace tokenbroker
