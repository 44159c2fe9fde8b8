#include "net/runtime.h"

#include <chrono>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "asio/error_code.hpp"
#include "asio/redirect_error.hpp"
#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "base/error.h"
#include "base/trace.h"
#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

Task<std::string> Answer() { co_return std::string("42"); }

StatusTask WaitForEver(std::shared_ptr<internal::BlockingResult<bool>> started) {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::hours(1));
  started->Set(true);
  asio::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return error ? Error(Reason::kCancelled) : absl::OkStatus();
}

asio::awaitable<void> Throw() {
  co_await asio::this_coro::executor;
  throw std::runtime_error("a text that must not be printed");
}

TEST(Runtime, RunsACoroutineToItsResult) {
  Runtime runtime;
  EXPECT_THAT(RunBlocking(runtime, Answer()), IsOkAndHolds("42"));
}

asio::awaitable<void> SetTo(std::shared_ptr<std::string> text, std::string value) {
  *text = std::move(value);
  co_return;
}

// Runs on one thread, so what is spawned cannot have had its turn unless inside the spawner's.
asio::awaitable<std::string> SpawnAndLook(Runtime& runtime) {
  auto text = std::make_shared<std::string>("untouched");
  runtime.Spawn(SetTo(text, "touched"));
  co_return *text;
}

TEST(Runtime, RunsNothingOfASpawnedTaskInline) {
  Runtime runtime(1);
  EXPECT_EQ(RunBlocking(runtime, SpawnAndLook(runtime)), "untouched");
}

// Lets other work have its turn on this thread, then says what it belongs to itself.
asio::awaitable<TracePtr> TraceAfterAWait() {
  asio::steady_timer timer(co_await asio::this_coro::executor, std::chrono::milliseconds(1));
  asio::error_code error;
  co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
  co_return CurrentTrace();
}

asio::awaitable<void> SpawnInTrace(Runtime& runtime,
                                   std::shared_ptr<internal::BlockingResult<TracePtr>> child) {
  (void)co_await TraceAfterAWait();
  runtime.Spawn(internal::SetWhenDone(TraceAfterAWait(), child));
}

TEST(Runtime, KeepsTheTraceOfWhoeverSpawnsThroughAllWaits) {
  Runtime runtime(1);
  std::vector<TracePtr> traces;
  std::vector<std::shared_ptr<internal::BlockingResult<TracePtr>>> children;
  for (int i = 0; i < 3; ++i) {
    traces.push_back(std::make_shared<const Trace>());
    children.push_back(std::make_shared<internal::BlockingResult<TracePtr>>());
    const TraceScope scope(traces.back());
    runtime.Spawn(SpawnInTrace(runtime, children.back()));
  }
  for (int i = 0; i < 3; ++i) EXPECT_EQ(children[i]->Wait(), traces[i]);
  EXPECT_EQ(RunBlocking(runtime, TraceAfterAWait()), nullptr);
}

TEST(Runtime, CancelsATaskThatBelongsToATrace) {
  Runtime runtime;
  auto started = std::make_shared<internal::BlockingResult<bool>>();
  auto ended = std::make_shared<internal::BlockingResult<absl::Status>>();
  const TraceScope scope(std::make_shared<const Trace>());
  const SpawnedTask task = runtime.Spawn(internal::SetWhenDone(WaitForEver(started), ended));
  started->Wait();
  task.Cancel();
  EXPECT_TRUE(HasReason(ended->Wait(), Reason::kCancelled));
}

TEST(Runtime, EndsTheWaitOfACancelledTaskWithAnError) {
  Runtime runtime;
  auto started = std::make_shared<internal::BlockingResult<bool>>();
  auto ended = std::make_shared<internal::BlockingResult<absl::Status>>();
  const SpawnedTask task = runtime.Spawn(internal::SetWhenDone(WaitForEver(started), ended));
  started->Wait();
  task.Cancel();
  EXPECT_THAT(ended->Wait(), FailsWith(Reason::kCancelled));
  task.Cancel();
}

TEST(Runtime, DropsWhatStillWaitsWhenItIsDestroyed) {
  auto started = std::make_shared<internal::BlockingResult<bool>>();
  auto ended = std::make_shared<internal::BlockingResult<absl::Status>>();
  {
    Runtime runtime;
    runtime.Spawn(internal::SetWhenDone(WaitForEver(started), ended));
    started->Wait();
  }
  EXPECT_EQ(ended.use_count(), 1);
}

TEST(RuntimeDeathTest, DiesOfAnExceptionWithoutPrintingItsText) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  const auto throw_in_coroutine = [] {
    Runtime runtime(1);
    runtime.Spawn(Throw());
    internal::BlockingResult<bool> never;
    never.Wait();
  };
  EXPECT_DEATH(throw_in_coroutine(),
               "^fatal: an exception of type [A-Za-z0-9_]+ left a coroutine\n$");
}

}  // namespace
}  // namespace tokenbroker::testing
