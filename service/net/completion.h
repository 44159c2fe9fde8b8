// The bridge from a callback to `co_await`, for operations that live on a strand of their own.
#pragma once

#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/status/statusor.h"
#include "asio/associated_cancellation_slot.hpp"
#include "asio/associated_executor.hpp"
#include "asio/async_result.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/post.hpp"
#include "asio/use_awaitable.hpp"
#include "base/task.h"

namespace tokenbroker {

// Called at most once, from any thread; it posts to the waiting coroutine's executor and returns at
// once. Dropping it uncalled drops the coroutine, as the end of the process does.
template <typename T>
using Completion = absl::AnyInvocable<void(absl::StatusOr<T>)>;

// Suspends, then calls `start(Completion<T>, asio::cancellation_slot)` on the caller's executor. A
// handler put in the slot may be called, on that executor, even after completion.
template <typename T, typename Start>
Task<T> AwaitCompletion(Start start) {
  // By value: what `begin` owns goes with this call. Were it in the frame that waits, an operation
  // that keeps the waiting would keep itself.
  auto initiate = [](auto handler, Start begin) {  // NOLINT(performance-unnecessary-value-param)
    auto slot = asio::get_associated_cancellation_slot(handler);
    auto executor = asio::get_associated_executor(handler);
    begin(Completion<T>([executor, handler = std::move(handler)](absl::StatusOr<T> result) mutable {
            asio::post(executor,
                       [handler = std::move(handler), result = std::move(result)]() mutable {
                         std::move(handler)(std::move(result));
                       });
          }),
          slot);
  };
  co_return co_await asio::async_initiate<const asio::use_awaitable_t<>, void(absl::StatusOr<T>)>(
      std::move(initiate), asio::use_awaitable, std::move(start));
}

}  // namespace tokenbroker
