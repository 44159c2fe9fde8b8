#include "provider/endpoint_limit.h"

#include <atomic>
#include <memory>
#include <utility>
#include <vector>

#include "base/error.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/runtime.h"
#include "support/manual_clock.h"
#include "support/status_matchers.h"
#include "unit/provider/gate.h"

namespace tokenbroker::provider {
namespace {

using ::testing::AllOf;
using ::testing::Each;
using testing::FailsWith;
using ::testing::Ge;
using testing::IsOk;
using ::testing::Le;
using ::testing::Optional;

// A store as replicas share it, whose time stands still, and which may be away.
class FakeLimitStore final : public limits::LimitStore {
 public:
  Task<limits::Share> TakeShare(std::string, std::optional<limits::Rate> rate,
                                int wanted) override {
    ++calls;
    if (is_away) co_return Error(Reason::kStoreUnavailable);
    if (cool_down.load() > 0) co_return limits::Share{.cool_down = absl::Seconds(cool_down.load())};
    if (!rate) co_return limits::Share{.tokens = wanted};
    const int given = std::min(wanted, tokens.load());
    tokens -= given;
    co_return limits::Share{.tokens = given,
                            .next_token = given > 0 ? absl::ZeroDuration() : absl::Milliseconds(5)};
  }
  StatusTask CoolDown(std::string, absl::Duration duration) override {
    if (is_away) co_return Error(Reason::kStoreUnavailable);
    cool_down = static_cast<int>(absl::ToInt64Seconds(duration));
    co_return absl::OkStatus();
  }

  std::atomic<int> calls = 0;
  std::atomic<int> tokens = 0;
  std::atomic<int> cool_down = 0;  // in seconds
  std::atomic<bool> is_away = false;
};

class EndpointLimitTest : public ::testing::Test {
 protected:
  ~EndpointLimitTest() override { runtime_.Stop(); }

  std::shared_ptr<EndpointLimit> Replica(RateOptions options) {
    return EndpointLimit::Create(runtime_, clock_, &store_, "op/token", options, 100);
  }
  absl::Status Take(EndpointLimit& limit, Priority priority = Priority::kCaller,
                    absl::Duration patience = absl::Hours(1)) {
    return RunBlocking(runtime_, limit.Take(Urgency(priority), clock_.Now() + patience));
  }
  static std::vector<std::pair<std::string, std::string>> Left(int remaining) {
    return {{"x-ratelimit-limit", "100"},
            {"x-ratelimit-remaining", std::to_string(remaining)},
            {"x-ratelimit-reset", "60"}};
  }

  testing::ManualClock clock_;
  FakeLimitStore store_;
  Runtime runtime_{1};
};

TEST_F(EndpointLimitTest, HasNoLimitOfItsOwnUnlessTold) {
  const auto limit = Replica({});
  for (int i = 0; i < 1000; ++i) ASSERT_THAT(Take(*limit), IsOk());
  // Asked once for what others may have been told, and then believed for a while.
  EXPECT_EQ(store_.calls, 1);
  clock_.Advance(EndpointLimit::kKnownFor);
  EXPECT_THAT(Take(*limit), IsOk());
  EXPECT_EQ(store_.calls, 2);
}

TEST_F(EndpointLimitTest, TakesItsTokensInSlices) {
  store_.tokens = 1000;
  const auto limit = Replica({.rate = limits::Rate{.per_second = 1000, .burst = 1000}});
  for (int i = 0; i < 500; ++i) ASSERT_THAT(Take(*limit), IsOk());
  EXPECT_EQ(store_.calls, 5);
  EXPECT_EQ(store_.tokens, 500);
}

TEST_F(EndpointLimitTest, LetsThroughNoMoreThanThereAreTokens) {
  store_.tokens = 3;
  const auto one = Replica({.rate = limits::Rate{.per_second = 1, .burst = 4}});
  const auto other = Replica({.rate = limits::Rate{.per_second = 1, .burst = 4}});
  Tasks<bool> waiting(runtime_);
  std::atomic<int> through = 0;
  const auto pass = [&](const std::shared_ptr<EndpointLimit>& limit) -> Task<bool> {
    return [](std::shared_ptr<EndpointLimit> its, absl::Time deadline,
              std::atomic<int>* count) -> Task<bool> {
      Urgency urgency(Priority::kCaller);
      const absl::Status status = co_await its->Take(std::move(urgency), deadline);
      if (!status.ok()) co_return status;
      ++*count;
      co_return true;
    }(limit, clock_.Now() + absl::Hours(1), &through);
  };
  for (int i = 0; i < 3; ++i) {
    waiting.Start(pass(one));
    waiting.Start(pass(other));
  }
  while (store_.tokens > 0) Settle(runtime_);
  for (int i = 0; i < 100; ++i) Settle(runtime_);
  EXPECT_EQ(through, 3);
  store_.tokens = 3;
  EXPECT_THAT(waiting.Finish(), Each(IsOk()));
}

TEST_F(EndpointLimitTest, RefusesAtOnceWhoseTurnComesTooLate) {
  const auto limit = Replica({.rate = limits::Rate{.per_second = 0.1, .burst = 1}});
  Tasks<bool> waiting(runtime_);
  const auto wait = [](std::shared_ptr<EndpointLimit> its, absl::Time deadline) -> Task<bool> {
    Urgency urgency(Priority::kCaller);
    const absl::Status status = co_await its->Take(std::move(urgency), deadline);
    if (!status.ok()) co_return status;
    co_return true;
  };
  for (int i = 0; i < 2; ++i) waiting.Start(wait(limit, clock_.Now() + absl::Hours(1)));
  Settle(runtime_);
  const absl::Status refused = Take(*limit, Priority::kCaller, absl::Seconds(15));
  EXPECT_THAT(refused, FailsWith(Reason::kProviderRateLimited));
  EXPECT_THAT(RetryAfterOf(refused), Optional(absl::Seconds(20)));
  store_.tokens = 2;
  EXPECT_THAT(waiting.Finish(), Each(IsOk()));
}

// R12
TEST_F(EndpointLimitTest, MakesAllReplicasWaitAsLongAsTheProviderSays) {
  const auto one = Replica({});
  const auto other = Replica({});
  one->Answered({}, EndpointLimit::Limited{.wait = absl::Seconds(7)});
  Settle(runtime_);
  for (const auto& limit : {one, other}) {
    const absl::Status refused = Take(*limit);
    EXPECT_THAT(refused, FailsWith(Reason::kProviderRateLimited));
    // Not all at the same moment: each comes back at a time of its own within 5 s of the end.
    EXPECT_THAT(RetryAfterOf(refused),
                Optional(AllOf(Ge(absl::Seconds(7)), Le(absl::Seconds(17)))));
  }
  store_.cool_down = 0;
  clock_.Advance(absl::Seconds(12));
  EXPECT_THAT(Take(*one), IsOk());
  EXPECT_THAT(Take(*other), IsOk());
}

// R12
TEST_F(EndpointLimitTest, WaitsLongerEachTimeWhereTheProviderDoesNotSayHowLong) {
  const auto limit = Replica({});
  store_.is_away = true;
  absl::Duration before = absl::ZeroDuration();
  for (const int seconds : {1, 2, 4, 8, 16, 30, 30}) {
    limit->Answered({}, EndpointLimit::Limited{});
    EndpointState state;
    limit->Describe(state);
    ASSERT_TRUE(state.cool_down_until);
    before = *state.cool_down_until - clock_.Now();
    EXPECT_THAT(before, AllOf(Ge(absl::Seconds(seconds)), Le(absl::Seconds(seconds + 5))));
    clock_.Advance(absl::Seconds(36));
  }
  limit->Answered({}, std::nullopt);
  limit->Answered({}, EndpointLimit::Limited{});
  EndpointState state;
  limit->Describe(state);
  EXPECT_THAT(*state.cool_down_until - clock_.Now(), Le(absl::Seconds(2)));
}

// R12
TEST_F(EndpointLimitTest, KeepsWhatTheProviderHasLeftForTheMoreUrgent) {
  const auto limit = Replica({});
  struct Row {
    int left;
    bool schedule, callback, caller;
  };
  for (const Row& row : {Row{50, true, true, true}, Row{20, false, true, true},
                         Row{10, false, false, true}, Row{1, false, false, true}}) {
    limit->Answered(Left(row.left), std::nullopt);
    EXPECT_EQ(Take(*limit, Priority::kSchedule).ok(), row.schedule) << row.left;
    EXPECT_EQ(Take(*limit, Priority::kCallback).ok(), row.callback) << row.left;
    EXPECT_EQ(Take(*limit, Priority::kCaller).ok(), row.caller) << row.left;
  }
  // The last one is gone by now, whether or not the provider has said so.
  EXPECT_THAT(Take(*limit), FailsWith(Reason::kProviderRateLimited));
  EXPECT_EQ(store_.cool_down, 0);
}

// R12
TEST_F(EndpointLimitTest, WaitsBeforeTheProviderHasToRefuse) {
  const auto one = Replica({});
  const auto other = Replica({});
  one->Answered(Left(0), std::nullopt);
  Settle(runtime_);
  EXPECT_EQ(store_.cool_down, 60);
  EXPECT_THAT(Take(*one), FailsWith(Reason::kProviderRateLimited));
  EXPECT_THAT(Take(*other), FailsWith(Reason::kProviderRateLimited));
}

TEST_F(EndpointLimitTest, IgnoresHeadersWhereItIsTold) {
  const auto limit = Replica({.follow_headers = false});
  limit->Answered(Left(0), std::nullopt);
  EXPECT_THAT(Take(*limit), IsOk());
}

TEST_F(EndpointLimitTest, KeepsToItsShareWhileTheStoreIsAway) {
  store_.is_away = true;
  const auto limit =
      Replica({.rate = limits::Rate{.per_second = 0.4, .burst = 40}, .share_without_store = 0.25});
  for (int i = 0; i < 10; ++i) ASSERT_THAT(Take(*limit), IsOk()) << i;
  EXPECT_FALSE(limit->store_takes_part());
  // The store is not asked for each of them.
  EXPECT_EQ(store_.calls, 1);
  EXPECT_THAT(Take(*limit, Priority::kCaller, absl::Milliseconds(20)),
              FailsWith(Reason::kProviderRateLimited));
  clock_.Advance(absl::Seconds(10));
  store_.is_away = false;
  store_.tokens = 1;
  EXPECT_THAT(Take(*limit), IsOk());
  EXPECT_TRUE(limit->store_takes_part());
}

}  // namespace
}  // namespace tokenbroker::provider
