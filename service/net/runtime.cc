#include "net/runtime.h"

#include <cstdio>
#include <cstdlib>
#include <exception>
#include <string_view>
#include <typeinfo>

#include "asio/bind_cancellation_slot.hpp"
#include "asio/cancellation_signal.hpp"
#include "asio/co_spawn.hpp"
#include "asio/post.hpp"
#include "asio/strand.hpp"
#include "asio/this_coro.hpp"
#include "net/traced_executor.h"

namespace tokenbroker {
namespace {

[[noreturn]] void DieOf(const std::exception_ptr& failure) {
  std::string_view type = "unknown";
  try {
    std::rethrow_exception(failure);
  } catch (const std::exception& exception) {
    type = typeid(exception).name();
  } catch (...) {  // NOLINT(bugprone-empty-catch): its type has no name here
  }
  std::fprintf(stderr, "fatal: an exception of type %.*s left a coroutine\n",
               static_cast<int>(type.size()), type.data());
  std::abort();
}

asio::awaitable<void> RunSpawned(asio::awaitable<void> task) {
  // Cancellation is an error value of the wait that it ends, as every other failure is.
  co_await asio::this_coro::throw_if_cancelled(false);
  co_await std::move(task);
}

}  // namespace

struct SpawnedTask::Control {
  explicit Control(asio::io_context& context) : strand(context.get_executor()) {}

  asio::strand<asio::io_context::executor_type> strand;
  asio::cancellation_signal signal;  // touched on `strand` only
};

void SpawnedTask::Cancel() const {
  asio::post(control_->strand,
             [control = control_] { control->signal.emit(asio::cancellation_type::terminal); });
}

Runtime::Runtime(int threads) : context_(threads), work_(context_.get_executor()) {
  threads_.reserve(static_cast<std::size_t>(threads));
  for (int i = 0; i < threads; ++i) {
    threads_.emplace_back([this]() noexcept { context_.run(); });
  }
}

Runtime::~Runtime() { Stop(); }

SpawnedTask Runtime::Spawn(asio::awaitable<void> task) {
  auto control = std::make_shared<SpawnedTask::Control>(context_);
  const asio::any_io_executor executor = WithCurrentTrace(control->strand);
  // Posted, because co_spawn alone would run the task inside a spawning task's turn, up to its
  // first wait: the two strands would then be one.
  asio::post(executor, [executor, control, task = std::move(task)]() mutable {
    asio::co_spawn(executor, RunSpawned(std::move(task)),
                   asio::bind_cancellation_slot(control->signal.slot(),
                                                [control](const std::exception_ptr& failure) {
                                                  if (failure) DieOf(failure);
                                                }));
  });
  return SpawnedTask(std::move(control));
}

void Runtime::SpawnOn(asio::any_io_executor strand, asio::awaitable<void> task) {
  asio::post(strand, [strand, task = std::move(task)]() mutable {
    asio::co_spawn(strand, RunSpawned(std::move(task)), [](const std::exception_ptr& failure) {
      if (failure) DieOf(failure);
    });
  });
}

void Runtime::Stop() {
  work_.reset();
  context_.stop();
  for (auto& thread : threads_) {
    if (thread.joinable()) thread.join();
  }
}

}  // namespace tokenbroker
