// The coroutine type of everything that waits.
#pragma once

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "asio/awaitable.hpp"

namespace tokenbroker {

// A coroutine that ends in a T or an error. Lazy: nothing runs until it is awaited or spawned.
// Parameters of such a coroutine are values, or references to what provably outlives it.
template <typename T>
using Task = asio::awaitable<absl::StatusOr<T>>;

// A coroutine that ends in success or an error.
using StatusTask = asio::awaitable<absl::Status>;

}  // namespace tokenbroker
