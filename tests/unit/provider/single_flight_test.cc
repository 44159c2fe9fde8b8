#include "provider/single_flight.h"

#include <atomic>
#include <chrono>
#include <string>

#include "asio/steady_timer.hpp"
#include "asio/use_awaitable.hpp"
#include "base/status_macros.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/manual_clock.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"

namespace tokenbroker::provider {
namespace {

using ::testing::Each;
using ::testing::SizeIs;
using ::tokenbroker::testing::FailsWith;
using ::tokenbroker::testing::IsOkAndHolds;
using ::tokenbroker::testing::ManualClock;

using Flights = SingleFlight<std::string, std::string>;

struct Counted {
  std::atomic<int> runs = 0;
  Gate gate;
  absl::StatusOr<std::string> result = std::string("result");
};

Task<std::string> Work(Counted& counted) {
  ++counted.runs;
  CO_RETURN_IF_ERROR(co_await counted.gate.Pass());
  co_return counted.result;
}

class SingleFlightTest : public ::testing::Test {
 protected:
  ~SingleFlightTest() override { runtime_.Stop(); }

  Task<std::string> Run(std::string key) { return Run(std::move(key), clock_.Now() + kLong); }
  Task<std::string> Run(std::string key, absl::Time deadline) {
    return flights_.Run(std::move(key), [this] { return Work(counted_); }, deadline);
  }

  static constexpr absl::Duration kLong = absl::Hours(1);
  ManualClock clock_;
  Counted counted_;
  Runtime runtime_{1};
  Flights flights_{runtime_, clock_};
};

// `jwks-single-flight`
TEST_F(SingleFlightTest, RunsTheWorkOnceForAllWhoWait) {
  Tasks<std::string> waiters(runtime_);
  for (int i = 0; i < 200; ++i) waiters.Start(Run("key"));
  Settle(runtime_);
  counted_.gate.Open();
  const auto results = waiters.Finish();
  EXPECT_THAT(results, SizeIs(200));
  EXPECT_THAT(results, Each(IsOkAndHolds("result")));
  EXPECT_EQ(counted_.runs, 1);
}

TEST_F(SingleFlightTest, RunsTheWorkOncePerKey) {
  Tasks<std::string> waiters(runtime_);
  waiters.Start(Run("a"));
  waiters.Start(Run("b"));
  Settle(runtime_);
  counted_.gate.Open();
  EXPECT_THAT(waiters.Finish(), Each(IsOkAndHolds("result")));
  EXPECT_EQ(counted_.runs, 2);
}

TEST_F(SingleFlightTest, GivesAnErrorToAllWhoWait) {
  counted_.result = Error(Reason::kProviderUnavailable);
  Tasks<std::string> waiters(runtime_);
  for (int i = 0; i < 3; ++i) waiters.Start(Run("key"));
  Settle(runtime_);
  counted_.gate.Open();
  EXPECT_THAT(waiters.Finish(), Each(FailsWith(Reason::kProviderUnavailable)));
  EXPECT_EQ(counted_.runs, 1);
}

TEST_F(SingleFlightTest, KeepsNothingOfAFlightThatHasLanded) {
  counted_.gate.Open();
  EXPECT_THAT(RunBlocking(runtime_, Run("key")), IsOkAndHolds("result"));
  EXPECT_THAT(RunBlocking(runtime_, Run("key")), IsOkAndHolds("result"));
  EXPECT_EQ(counted_.runs, 2);
}

Task<std::string> RunTwice(Flights& flights, Counted& counted, absl::Time deadline) {
  const auto first = co_await flights.Run("key", [&] { return Work(counted); }, deadline);
  if (first.ok()) co_return first;
  co_return co_await flights.Run("key", [&] { return Work(counted); }, deadline);
}

// `jwks-fetch-fail-reentry` (CVE-2025-64527): those who wait for a flight that fails start another.
TEST_F(SingleFlightTest, LetsWaitersOfAFailedFlightStartTheNext) {
  counted_.result = Error(Reason::kProviderUnavailable);
  Tasks<std::string> waiters(runtime_);
  for (int i = 0; i < 20; ++i) {
    waiters.Start(RunTwice(flights_, counted_, clock_.Now() + kLong));
  }
  Settle(runtime_);
  counted_.gate.Open();
  EXPECT_THAT(waiters.Finish(), Each(FailsWith(Reason::kProviderUnavailable)));
  EXPECT_GE(counted_.runs, 2);
}

TEST_F(SingleFlightTest, GoesOnWithoutTheWaiterWhoseDeadlinePasses) {
  Tasks<std::string> hasty(runtime_);
  hasty.Start(Run("key", clock_.Now() + absl::Milliseconds(1)));
  Settle(runtime_);
  Tasks<std::string> patient(runtime_);
  patient.Start(Run("key"));
  EXPECT_THAT(hasty.Finish(), Each(FailsWith(Reason::kDeadlineExceeded)));
  counted_.gate.Open();
  EXPECT_THAT(patient.Finish(), Each(IsOkAndHolds("result")));
  EXPECT_EQ(counted_.runs, 1);
}

TEST_F(SingleFlightTest, GoesOnWithoutTheWaiterWhoIsCancelled) {
  Tasks<std::string> cancelled(runtime_);
  const SpawnedTask first = cancelled.Start(Run("key"));
  Settle(runtime_);
  Tasks<std::string> patient(runtime_);
  patient.Start(Run("key"));
  Settle(runtime_);
  first.Cancel();
  EXPECT_THAT(cancelled.Finish(), Each(FailsWith(Reason::kCancelled)));
  counted_.gate.Open();
  EXPECT_THAT(patient.Finish(), Each(IsOkAndHolds("result")));
  EXPECT_EQ(counted_.runs, 1);
}

TEST_F(SingleFlightTest, StartsNothingAfterTheDeadline) {
  EXPECT_THAT(RunBlocking(runtime_, Run("key", clock_.Now())),
              FailsWith(Reason::kDeadlineExceeded));
  EXPECT_EQ(counted_.runs, 0);
}

TEST_F(SingleFlightTest, WaitsWithoutALimitWhereThereIsNoDeadline) {
  counted_.gate.Open();
  EXPECT_THAT(RunBlocking(runtime_, Run("key", absl::InfiniteFuture())), IsOkAndHolds("result"));
}

TEST(SingleFlight, IsSafeToUseFromManyThreads) {
  const ManualClock clock;
  Counted counted;
  counted.gate.Open();
  Runtime runtime(4);
  Flights flights(runtime, clock);
  Tasks<std::string> waiters(runtime);
  constexpr int kWaiters = 2000;
  for (int i = 0; i < kWaiters; ++i) {
    // Some give up at about the time when the flight lands.
    const auto patience = i % 3 == 0 ? absl::Microseconds(50) : absl::Hours(1);
    waiters.Start(flights.Run(
        i % 2 == 0 ? "even" : "odd", [&] { return Work(counted); }, clock.Now() + patience));
  }
  EXPECT_THAT(waiters.Finish(), SizeIs(kWaiters));
  EXPECT_LE(counted.runs, kWaiters);
  runtime.Stop();
}

Task<std::string> WaitForAnHour(std::atomic<int>& started) {
  asio::steady_timer timer(co_await asio::this_coro::executor);
  timer.expires_after(std::chrono::hours(1));
  ++started;
  co_await timer.async_wait(asio::use_awaitable);
  co_return "late";
}

// Under ASan: neither the waiters nor the flight are leaked or used again.
TEST(SingleFlight, IsDroppedWithItsRuntime) {
  const ManualClock clock;
  std::atomic<int> started = 0;
  {
    Runtime runtime(1);
    Flights flights(runtime, clock);
    Tasks<std::string> waiters(runtime);
    for (int i = 0; i < 10; ++i) {
      waiters.Start(
          flights.Run("key", [&] { return WaitForAnHour(started); }, clock.Now() + absl::Hours(1)));
    }
    Settle(runtime);
    Settle(runtime);
  }
  EXPECT_EQ(started, 1);
}

}  // namespace
}  // namespace tokenbroker::provider
