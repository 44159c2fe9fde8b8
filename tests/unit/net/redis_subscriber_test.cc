#include "net/redis_subscriber.h"

#include <condition_variable>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/redis_connection.h"
#include "support/redis_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

// Remembers what a subscriber reported, as text, and lets a test wait for it.
class Journal {
 public:
  RedisSubscriberCallbacks Callbacks() {
    return {[this] { Add("connected"); }, [this] { Add("disconnected"); },
            [this](std::string_view channel, const RedisReply& payload) {
              std::string line(channel);
              if (payload.IsNil()) line += " nil";
              if (payload.String() != nullptr) line += " " + *payload.String();
              if (payload.Array() != nullptr) {
                for (const RedisReply& key : *payload.Array()) line += " " + *key.String();
              }
              Add(std::move(line));
            }};
  }

  void WaitFor(std::size_t count) {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return lines_.size() >= count; });
  }

  std::vector<std::string> lines() {
    const std::lock_guard lock(mutex_);
    return lines_;
  }

 private:
  void Add(std::string line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(std::move(line));
    changed_.notify_all();
  }

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> lines_;
};

using ::testing::ElementsAre;

class RedisSubscriberTest : public ::testing::Test {
 protected:
  void Ask(RedisConnection& redis, RedisCommand command) {
    const absl::Time deadline = clock_.Now() + absl::Seconds(20);
    EXPECT_OK(RunBlocking(runtime_, redis.Command(std::move(command), deadline)));
  }

  SystemClock clock_;
  Runtime runtime_;
  Journal journal_;
};

TEST_F(RedisSubscriberTest, HearsMessagesAndChangesOfTrackedKeys) {
  RedisServer server({.password = "open sesame"});
  RedisConnection redis(runtime_, clock_, server.Options());
  RedisSubscriber subscriber(runtime_, server.Options(),
                             {.channels = {"news"}, .tracked_prefixes = {"tb:grant:", "tb:x:"}},
                             journal_.Callbacks());
  journal_.WaitFor(1);
  Ask(redis, {"PUBLISH", "news", "hello"});
  Ask(redis, {"SET", "other", "1"});
  Ask(redis, {"SET", "tb:grant:{1}:a", "1"});
  Ask(redis, {"EVAL", "redis.call('SET',KEYS[1],1) redis.call('DEL',KEYS[2])", "2",
              "tb:grant:{2}:b", "tb:grant:{1}:a"});
  Ask(redis, {"FLUSHALL"});
  journal_.WaitFor(5);
  const std::string invalidate(kRedisInvalidateChannel);
  EXPECT_THAT(journal_.lines(),
              ElementsAre("connected", "news hello", invalidate + " tb:grant:{1}:a",
                          ::testing::AnyOf(invalidate + " tb:grant:{2}:b tb:grant:{1}:a",
                                           invalidate + " tb:grant:{1}:a tb:grant:{2}:b"),
                          invalidate + " nil"));
}

TEST_F(RedisSubscriberTest, SaysWhenItMayHaveMissedSomethingAndListensAgain) {
  RedisServer server;
  RedisSubscriber subscriber(runtime_, server.Options(), {.tracked_prefixes = {"k"}},
                             journal_.Callbacks());
  journal_.WaitFor(1);
  server.Restart();
  journal_.WaitFor(3);
  RedisConnection redis(runtime_, clock_, server.Options());
  Ask(redis, {"SET", "k1", "1"});
  journal_.WaitFor(4);
  EXPECT_THAT(journal_.lines(), ElementsAre("connected", "disconnected", "connected",
                                            std::string(kRedisInvalidateChannel) + " k1"));
}

TEST_F(RedisSubscriberTest, NoticesAConnectionThatHasFallenSilent) {
  RedisServer server;
  auto options = server.Options();
  options->ping_interval = absl::Milliseconds(250);
  RedisSubscriber subscriber(runtime_, options, {.channels = {"news"}}, journal_.Callbacks());
  journal_.WaitFor(1);
  server.Pause();
  journal_.WaitFor(2);
  server.Resume();
  journal_.WaitFor(3);
  EXPECT_THAT(journal_.lines(), ElementsAre("connected", "disconnected", "connected"));
}

TEST_F(RedisSubscriberTest, WaitsForARedisThatIsNotThereYet) {
  RedisServer server({.start = false});
  RedisSubscriber subscriber(runtime_, server.Options(), {.channels = {"news"}},
                             journal_.Callbacks());
  server.Start();
  journal_.WaitFor(1);
  EXPECT_THAT(journal_.lines(), ElementsAre("connected"));
}

TEST_F(RedisSubscriberTest, SaysNothingAfterItIsGone) {
  RedisServer server;
  auto subscriber = std::make_unique<RedisSubscriber>(
      runtime_, server.Options(), RedisSubscription{.channels = {"news"}}, journal_.Callbacks());
  journal_.WaitFor(1);
  subscriber.reset();
  RedisConnection redis(runtime_, clock_, server.Options());
  Ask(redis, {"PUBLISH", "news", "hello"});
  EXPECT_THAT(journal_.lines(), ElementsAre("connected"));
}

}  // namespace
}  // namespace tokenbroker::testing
