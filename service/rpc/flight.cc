#include "rpc/flight.h"

#include <exception>
#include <utility>

#include "asio/bind_cancellation_slot.hpp"
#include "asio/bind_executor.hpp"
#include "asio/co_spawn.hpp"
#include "asio/error.hpp"
#include "asio/post.hpp"
#include "asio/system_error.hpp"
#include "asio/this_coro.hpp"
#include "base/error.h"
#include "net/traced_executor.h"
#include "rpc/status_details.h"

namespace tokenbroker::rpc {
namespace {

absl::Status FromException(const std::exception_ptr& exception) {
  try {
    std::rethrow_exception(exception);
  } catch (const asio::system_error& error) {
    if (error.code() == asio::error::operation_aborted) return Error(Reason::kCancelled);
  } catch (const std::exception&) {
    // Its text is nobody's business outside.
  }
  return Error(Reason::kInternal);
}

asio::awaitable<grpc::Status> WithCancellation(Cancellation cancellation,
                                               asio::awaitable<grpc::Status> coroutine) {
  co_await asio::this_coro::throw_if_cancelled(cancellation == Cancellation::kFailsEveryWait);
  co_return co_await std::move(coroutine);
}

}  // namespace

void Flight::Launch(asio::awaitable<grpc::Status> coroutine, Cancellation cancellation,
                    std::function<void(grpc::Status)> landed) {
  auto on_landed = [self = shared_from_this(), landed = std::move(landed)](
                       const std::exception_ptr& exception, grpc::Status status) {
    self->landed_ = true;
    landed(exception ? ToGrpcStatus(FromException(exception)) : std::move(status));
  };
  asio::co_spawn(WithCurrentTrace(strand_), WithCancellation(cancellation, std::move(coroutine)),
                 asio::bind_cancellation_slot(signal_.slot(),
                                              asio::bind_executor(strand_, std::move(on_landed))));
}

void Flight::Cancel() {
  asio::post(strand_, [self = shared_from_this()] {
    if (!self->landed_) self->signal_.emit(asio::cancellation_type::terminal);
  });
}

}  // namespace tokenbroker::rpc
