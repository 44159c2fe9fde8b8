#include "net/wake_up.h"

#include <future>

#include "asio/this_coro.hpp"
#include "gmock/gmock.h"
#include "net/runtime.h"

namespace tokenbroker {
namespace {

using Promise = std::promise<std::shared_ptr<WakeUp>>;

// Says what wakes it, waits `times`, and returns.
asio::awaitable<bool> WaitTimes(int times, Promise& told, absl::Duration limit) {
  const auto wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
  told.set_value(wake_up);
  for (int i = 0; i < times; ++i) co_await wake_up->Wait(limit);
  co_return true;
}

asio::awaitable<void> Tell(asio::awaitable<bool> task, std::promise<bool>& done) {
  done.set_value(co_await std::move(task));
}

class WakingUp : public ::testing::Test {
 protected:
  ~WakingUp() override { runtime_.Stop(); }

  Runtime runtime_{2};  // outlives the WakeUp that told_ may still hold
  Promise told_;
  std::promise<bool> done_;
};

TEST_F(WakingUp, EndsAWaitFromAnotherThread) {
  runtime_.Spawn(Tell(WaitTimes(1, told_, absl::InfiniteDuration()), done_));
  told_.get_future().get()->Wake();
  EXPECT_TRUE(done_.get_future().get());
}

TEST_F(WakingUp, IsNotMissedBetweenTwoWaits) {
  runtime_.Spawn(Tell(WaitTimes(2, told_, absl::InfiniteDuration()), done_));
  const auto wake_up = told_.get_future().get();
  auto done = done_.get_future();
  // Two that come together may count as one; a third comes for certain after the first wait.
  while (done.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) wake_up->Wake();
  EXPECT_TRUE(done.get());
}

TEST_F(WakingUp, HappensByItselfWhenTheLimitHasPassed) {
  runtime_.Spawn(Tell(WaitTimes(3, told_, absl::Milliseconds(1)), done_));
  EXPECT_TRUE(done_.get_future().get());
}

TEST_F(WakingUp, HappensOnCancellation) {
  const SpawnedTask task =
      runtime_.Spawn(Tell(WaitTimes(1, told_, absl::InfiniteDuration()), done_));
  (void)told_.get_future().get();
  // The wait may not have begun when the first comes.
  auto done = done_.get_future();
  while (done.wait_for(std::chrono::milliseconds(1)) != std::future_status::ready) task.Cancel();
  EXPECT_TRUE(done.get());
}

}  // namespace
}  // namespace tokenbroker
