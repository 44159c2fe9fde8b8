#include "net/redis_single.h"

#include <atomic>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/delivery.h"
#include "support/redis_server.h"
#include "support/scripted_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

std::shared_ptr<RedisOptions> Patient(std::shared_ptr<RedisOptions> options) {
  options->connect_timeout = kPatience;
  options->command_timeout = kPatience;
  return options;
}

class SingleRedisTest : public ::testing::Test {
 protected:
  RedisResult Ask(RedisServers& servers, RedisCommand command, bool replicated = false) {
    std::vector<RedisRequest> requests;
    requests.push_back({.command = std::move(command), .replicated = replicated});
    return RunBlocking(runtime_, servers.Send(0, std::move(requests))).front();
  }

  SystemClock clock_;
  Runtime runtime_;
};

TEST_F(SingleRedisTest, ReadsItsPasswordAgainForEveryConnection) {
  RedisServer server({.password = "old"});
  auto password = std::make_shared<std::atomic<const char*>>("old");
  auto options = Patient(server.Options());
  options->login = [password]() -> absl::StatusOr<RedisLogin> {
    return RedisLogin{.password = Secret(password->load())};
  };
  SingleRedis redis(runtime_, clock_, {.redis = options, .connections = 1}, std::nullopt);
  ASSERT_OK(Ask(redis, {"PING"}));
  // Redis learns the new password first; those who are in stay in.
  ASSERT_OK(Ask(redis, {"CONFIG", "SET", "requirepass", "new"}));
  ASSERT_OK(Ask(redis, {"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "no"}));
  RedisResult refused = Ask(redis, {"PING"});
  while (refused.ok() || MetadataOf(refused.status())["cause"] != "denied") {
    refused = Ask(redis, {"PING"});
  }
  password->store("new");
  RedisResult answer = Ask(redis, {"PING"});
  while (!answer.ok()) answer = Ask(redis, {"PING"});
  EXPECT_EQ(answer->Error(), nullptr);
}

TEST_F(SingleRedisTest, LooksForItsPasswordAgainWhereRedisForgotWhoItIs) {
  // The first connection is let in and then told that it is nobody; the second is let in for good.
  ScriptedServer server([](ScriptedPeer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Send("+PONG\r\n");
    peer.ReadUntil("key\r\n");
    peer.Send(peer.index() == 0 ? "-NOAUTH Authentication required.\r\n" : "$1\r\nv\r\n");
    peer.WaitForClose();
  });
  auto options = Patient(std::make_shared<RedisOptions>());
  options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
  SingleRedis redis(runtime_, clock_, {.redis = options, .connections = 1}, std::nullopt);
  RedisResult answer = Ask(redis, {"GET", "key"});
  while (!answer.ok() || answer->Error() != nullptr) answer = Ask(redis, {"GET", "key"});
  EXPECT_EQ(*answer->String(), "v");
}

TEST_F(SingleRedisTest, AnswersAReplicatedWriteWhenAReplicaHasIt) {
  RedisServer primary({.arguments = {"--repl-diskless-sync-delay", "0"}});
  RedisServer replica({.arguments = {"--replicaof", "127.0.0.1", std::to_string(primary.port())}});
  auto too_few = std::make_shared<std::atomic<int>>(0);
  RedisPoolOptions options{.redis = Patient(primary.Options()), .connections = 1};
  options.replication = {.wait_replicas = 1,
                         .wait_timeout = absl::Seconds(10),
                         .on_too_few = [too_few] { ++*too_few; }};
  SingleRedis redis(runtime_, clock_, options, std::nullopt);
  SingleRedis at_replica(runtime_, clock_, {.redis = Patient(replica.Options())}, std::nullopt);
  for (int i = 0; i < 50; ++i) {
    // The first waits for the replica to have loaded what was there.
    ASSERT_OK(Ask(redis, {"SET", "key", std::to_string(i)}, /*replicated=*/true));
    ASSERT_OK_AND_ASSIGN(const RedisReply read, Ask(at_replica, {"GET", "key"}));
    ASSERT_NE(read.String(), nullptr);
    EXPECT_EQ(*read.String(), std::to_string(i));
  }
  EXPECT_EQ(too_few->load(), 0);
}

TEST_F(SingleRedisTest, CountsNoWriteThatTooFewReplicasHave) {
  RedisServer primary;
  auto too_few = std::make_shared<std::atomic<int>>(0);
  RedisPoolOptions options{.redis = Patient(primary.Options()), .connections = 1};
  options.replication = {.wait_replicas = 1,
                         .wait_timeout = absl::Milliseconds(5),
                         .on_too_few = [too_few] { ++*too_few; }};
  SingleRedis redis(runtime_, clock_, options, std::nullopt);
  const RedisResult result = Ask(redis, {"SET", "key", "1"}, /*replicated=*/true);
  EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
  EXPECT_EQ(MetadataOf(result.status())["cause"], "too_few_replicas");
  EXPECT_EQ(too_few->load(), 1);
}

TEST_F(SingleRedisTest, DoesNotKnowWhatBecameOfAReplicatedWriteWhoseConnectionBroke) {
  ScriptedServer server([](ScriptedPeer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Send("+PONG\r\n");
    peer.ReadUntil("value\r\n");
    peer.Send("+OK\r\n");
    peer.ReadUntil("WAIT\r\n");
    peer.Reset();
  });
  auto options = Patient(std::make_shared<RedisOptions>());
  options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
  RedisPoolOptions pool{.redis = options, .connections = 1};
  pool.replication.wait_replicas = 1;
  SingleRedis redis(runtime_, clock_, pool, std::nullopt);
  const RedisResult result = Ask(redis, {"SET", "key", "value"}, /*replicated=*/true);
  EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
}

// A server that answers like a Sentinel, with the epoch and the port that a test sets.
struct Sentinel {
  std::atomic<int> epoch = 1;
  std::atomic<int> port = 0;
  ScriptedServer server{[this](ScriptedPeer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Send("+PONG\r\n");
    peer.ReadUntil("MASTER\r\n");
    const std::string number = std::to_string(port.load());
    const std::string count = std::to_string(epoch.load());
    peer.Send("*2\r\n$9\r\n127.0.0.1\r\n$" + std::to_string(number.size()) + "\r\n" + number +
              "\r\n*2\r\n$12\r\nconfig-epoch\r\n$" + std::to_string(count.size()) + "\r\n" + count +
              "\r\n");
    peer.WaitForClose();
  }};

  std::shared_ptr<const RedisOptions> Options() const {
    auto options = std::make_shared<RedisOptions>();
    options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
    return Patient(std::move(options));
  }
};

TEST(RedisSentinelsTest, PassesOverASentinelThatSleptThroughAFailover) {
  Runtime runtime;
  Sentinel sleepy;
  Sentinel awake;
  sleepy.port = 1;
  awake.port = 2;
  awake.epoch = 2;
  const auto port = [&](RedisSentinels& sentinels) {
    const auto found = RunBlocking(runtime, sentinels.Locate());
    return found.ok() ? std::get<TcpEndpoint>(*found).port : 0;
  };
  const auto sentinels = RedisSentinels::Create(
      runtime, {.master_name = "m", .sentinels = {awake.Options(), sleepy.Options()}});
  EXPECT_EQ(port(*sentinels), 2);
  // Once the later decision is known, the earlier is not gone back to.
  awake.port = 0;
  const auto other_order = RedisSentinels::Create(
      runtime, {.master_name = "m", .sentinels = {sleepy.Options(), awake.Options()}});
  EXPECT_EQ(port(*other_order), 1);
  awake.port = 2;
  sleepy.epoch = 3;
  sleepy.port = 3;
  EXPECT_EQ(port(*other_order), 3);
  sleepy.epoch = 1;
  sleepy.port = 1;
  EXPECT_EQ(port(*other_order), 2);
}

TEST(RedisSentinelsTest, SaysThatNoneAnswers) {
  Runtime runtime;
  RedisServer no_sentinel;
  const auto sentinels = RedisSentinels::Create(
      runtime, {.master_name = "m", .sentinels = {Patient(no_sentinel.TcpOptions())}});
  const auto found = RunBlocking(runtime, sentinels->Locate());
  EXPECT_THAT(found, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(MetadataOf(found.status())["cause"], "sentinel");
  EXPECT_EQ(DeliveryOf(found.status()), Delivery::kNotSent);
}

}  // namespace
}  // namespace tokenbroker::testing
