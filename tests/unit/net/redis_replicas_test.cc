// How many replicas must have a write: what is read from Sentinels and from a primary.
#include <atomic>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/delivery.h"
#include "net/redis_replica_census.h"
#include "net/redis_replication_info.h"
#include "net/redis_sentinel_view.h"
#include "net/redis_single.h"
#include "support/redis_server.h"
#include "support/scripted_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(20);

using Fields = std::vector<std::pair<std::string, std::string>>;

RedisReply Reply(const Fields& fields) {
  std::vector<RedisReply> words;
  for (const auto& [name, value] : fields) {
    words.push_back(RedisReply{name});
    words.push_back(RedisReply{value});
  }
  return RedisReply{std::move(words)};
}

RedisReply Master(const std::string& flags = "master", const std::string& replicas = "2") {
  return Reply({{"ip", "10.0.0.1"}, {"port", "6379"}, {"flags", flags}, {"num-slaves", replicas}});
}

Fields Replica(const std::string& flags, const std::string& link = "ok") {
  return {{"flags", flags}, {"master-link-status", link}};
}

TEST(RedisSentinelViewTest, CountsWhatCouldBePromoted) {
  const struct {
    const char* what;
    std::string master;
    std::vector<Fields> replicas;
    int promotable;
  } cases[] = {
      {"both follow", "master", {Replica("slave"), Replica("slave")}, 2},
      {"one is down", "master", {Replica("slave"), Replica("s_down,slave")}, 1},
      {"one is cut off", "master", {Replica("slave"), Replica("slave,disconnected")}, 1},
      {"one is behind", "master", {Replica("slave"), Replica("slave", "err")}, 2},
      {"one has been promoted", "master", {Replica("slave"), Replica("s_down,slave,promoted")}, 2},
      {"all are down", "master", {Replica("slave,s_down"), Replica("slave,o_down")}, 0},
      {"the primary is down", "master,s_down", {Replica("slave"), Replica("slave,s_down")}, 2},
      {"it is being replaced",
       "failover_in_progress,master",
       {Replica("slave"), Replica("slave,s_down")},
       2},
  };
  for (const auto& [what, master, replicas, promotable] : cases) {
    std::vector<RedisReply> replies;
    replies.reserve(replicas.size());
    for (const Fields& fields : replicas) replies.push_back(Reply(fields));
    const auto view = ReadSentinelView(Master(master), RedisReply{std::move(replies)});
    ASSERT_TRUE(view.has_value()) << what;
    EXPECT_EQ(view->promotable, promotable) << what;
    EXPECT_EQ(view->known, 2) << what;
    EXPECT_EQ(view->host, "10.0.0.1");
    EXPECT_EQ(view->port, "6379");
  }
}

TEST(RedisSentinelViewTest, CountsAllThatAreKnownWhereTheReplicasMayNotBeRead) {
  const auto view =
      ReadSentinelView(Master("master", "3"), RedisReply{MakeRedisError("NOPERM no")});
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(view->promotable, 3);
}

TEST(RedisSentinelViewTest, SaysNothingOfAnUnknownMaster) {
  const RedisReply unknown{MakeRedisError("ERR No such master with that name")};
  EXPECT_FALSE(ReadSentinelView(unknown, unknown).has_value());
  EXPECT_FALSE(ReadSentinelView(Reply({{"ip", "a"}}), RedisReply{}).has_value());
}

TEST(RedisReplicationInfoTest, CountsReplicasThatConfirm) {
  const std::pair<const char*, int> cases[] = {
      {"", 0},
      {"role:master\r\nconnected_slaves:0\r\nslave_read_only:1\r\n", 0},
      {"slave0:ip=10.0.0.2,port=6379,state=online,offset=42,lag=0\r\n"
       "slave1:ip=10.0.0.3,port=6379,state=online,offset=42,lag=2\r\n",
       2},
      {"slave0:ip=10.0.0.2,port=6379,state=wait_bgsave,offset=0,lag=0\r\n"
       "slave1:ip=10.0.0.3,port=6379,state=online,offset=42,lag=3\r\n",
       0},
      {"slave0:ip=a,port=1,state=online,offset=42,lag=-1,type=x\r\n", 1},
      {"slave0:state=online,lag=\r\nslavex:state=online,lag=0\r\nslave0\r\n", 0},
  };
  for (const auto& [info, count] : cases) EXPECT_EQ(ConfirmingReplicas(info), count) << info;
}

std::string Bulk(const std::string& text) {
  return "$" + std::to_string(text.size()) + "\r\n" + text + "\r\n";
}

std::string Encoded(const Fields& fields) {
  std::string text = "*" + std::to_string(2 * fields.size()) + "\r\n";
  for (const auto& [name, value] : fields) text += Bulk(name) + Bulk(value);
  return text;
}

// A server that answers like a Sentinel: the primary's port, and the flags of its two replicas.
class Sentinel {
 public:
  explicit Sentinel(std::uint16_t port, std::string flags = "slave")
      : port_(std::to_string(port)), flags_(std::move(flags)) {}

  std::shared_ptr<const RedisOptions> Options() const {
    auto options = std::make_shared<RedisOptions>();
    options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server_.port()};
    options->connect_timeout = options->command_timeout = kPatience;
    return options;
  }

  // Of the first replica.
  void SetFlags(std::string flags) {
    const std::lock_guard lock(mutex_);
    flags_ = std::move(flags);
  }

 private:
  void Answer(ScriptedPeer& peer) {
    while (true) {
      const std::string command = peer.ReadUntil("\r\n");
      if (command.empty()) return;
      if (command == "PING\r\n") peer.Send("+PONG\r\n");
      if (command == "GET-MASTER-ADDR-BY-NAME\r\n") {
        peer.Send("*2\r\n" + Bulk("127.0.0.1") + Bulk(port_));
      }
      if (command == "MASTER\r\n") {
        peer.Send(Encoded({{"ip", "127.0.0.1"},
                           {"port", port_},
                           {"flags", "master"},
                           {"num-slaves", "2"},
                           {"config-epoch", "1"}}));
      }
      if (command == "REPLICAS\r\n") {
        const std::lock_guard lock(mutex_);
        peer.Send("*2\r\n" + Encoded(Replica(flags_)) + Encoded(Replica("slave")));
      }
    }
  }

  const std::string port_;
  std::mutex mutex_;
  std::string flags_;
  ScriptedServer server_{[this](ScriptedPeer& peer) { Answer(peer); }};
};

class ReplicasTest : public ::testing::Test {
 protected:
  template <typename Condition>
  static bool Eventually(Condition holds) {
    const absl::Time end = absl::Now() + kPatience;
    while (!holds() && absl::Now() < end) absl::SleepFor(absl::Milliseconds(5));
    return holds();
  }

  SystemClock clock_;
  Runtime runtime_;
};

TEST_F(ReplicasTest, TakesTheHighestCountOfMostSentinels) {
  Sentinel first(6379, "slave,s_down");
  Sentinel second(6379, "slave,s_down");
  Sentinel elsewhere(6380);
  Sentinel third(6379);
  const auto start = [&](const std::vector<std::shared_ptr<const RedisOptions>>& sentinels) {
    return RedisReplicaCensus::Start(runtime_, clock_, "m", sentinels);
  };
  const auto differing = start({first.Options(), third.Options(), second.Options()});
  const auto agreeing = start({first.Options(), second.Options(), elsewhere.Options()});
  const auto promotable = [](const std::shared_ptr<RedisReplicaCensus>& census) {
    return census->Promotable("127.0.0.1", "6379");
  };
  EXPECT_TRUE(Eventually([&] { return promotable(agreeing) == 1; }));
  // Asked as often by now.
  EXPECT_EQ(promotable(differing), 2);
  EXPECT_EQ(agreeing->Promotable("127.0.0.1", "1"), std::nullopt);
  agreeing->Close();
  differing->Close();
}

TEST_F(ReplicasTest, KnowsNothingWhereFewSentinelsSayThatItIsThePrimary) {
  Sentinel first(6379);
  Sentinel elsewhere(6380);
  const auto census = RedisReplicaCensus::Start(
      runtime_, clock_, "m", {first.Options(), elsewhere.Options(), elsewhere.Options()});
  EXPECT_TRUE(Eventually([&] { return census->Promotable("127.0.0.1", "6380") == 2; }));
  EXPECT_EQ(census->Promotable("127.0.0.1", "6379"), std::nullopt);
  census->Close();
}

class ReplicatedTest : public ReplicasTest {
 protected:
  RedisResult Set(RedisServers& servers) {
    std::vector<RedisRequest> requests;
    requests.push_back({.command = {"SET", "key", "value"}, .replicated = true});
    return RunBlocking(runtime_, servers.Send(0, std::move(requests))).front();
  }

  static std::shared_ptr<RedisOptions> Patient(std::shared_ptr<RedisOptions> options) {
    options->connect_timeout = options->command_timeout = kPatience;
    return options;
  }

  std::unique_ptr<SingleRedis> Store(const Sentinel& sentinel, std::optional<int> wait_replicas) {
    RedisPoolOptions pool{.redis = Patient(std::make_shared<RedisOptions>()), .connections = 1};
    pool.replication = {.wait_replicas = wait_replicas, .wait_timeout = absl::Milliseconds(20)};
    RedisSentinelOptions sentinels{.master_name = "m", .sentinels = {sentinel.Options()}};
    return std::make_unique<SingleRedis>(runtime_, clock_, pool, sentinels);
  }

  bool EventuallySet(RedisServers& servers) {
    return Eventually([&] { return Set(servers).ok(); });
  }

  void ExpectTooFew(RedisServers& servers) {
    const RedisResult result = Set(servers);
    EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
    EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
    EXPECT_EQ(MetadataOf(result.status())["cause"], "too_few_replicas");
  }
};

// A primary that comes back while another is promoted: a replica still follows it and confirms what
// the promoted one does not have.
TEST_F(ReplicatedTest, CountsNoWriteThatThePromotedReplicaMayNotHave) {
  RedisServer primary({.arguments = {"--repl-diskless-sync-delay", "0"}});
  const RedisServerOptions following{
      .arguments = {"--replicaof", "127.0.0.1", std::to_string(primary.port())}};
  RedisServer promoted(following);
  RedisServer loyal(following);
  Sentinel sentinel(primary.port());
  const auto store = Store(sentinel, std::nullopt);
  ASSERT_TRUE(EventuallySet(*store));
  SingleRedis at_promoted(runtime_, clock_, {.redis = Patient(promoted.Options())}, std::nullopt);
  std::vector<RedisRequest> requests;
  requests.push_back({.command = {"REPLICAOF", "NO", "ONE"}});
  ASSERT_OK(RunBlocking(runtime_, at_promoted.Send(0, std::move(requests))).front());
  ExpectTooFew(*store);
  // One of two is what a number in the configuration may say, and what may be lost.
  EXPECT_TRUE(EventuallySet(*Store(sentinel, 1)));
  // A replica that is down cannot be promoted, and is not waited for.
  sentinel.SetFlags("slave,s_down");
  EXPECT_TRUE(EventuallySet(*store));
}

// The Sentinels do not reach one of two replicas, which confirms all the same: it must not stand in
// for the other.
TEST_F(ReplicatedTest, TakesNoConfirmationOfAnotherForThatOfAReplicaThatCouldBePromoted) {
  std::atomic<const char*> confirmed = ":1\r\n";
  ScriptedServer primary([&](ScriptedPeer& peer) {
    while (true) {
      const std::string line = peer.ReadUntil("\r\n");
      if (line.empty()) return;
      if (line == "PING\r\n") peer.Send("+PONG\r\n");
      if (line == "ROLE\r\n") peer.Send("*3\r\n$6\r\nmaster\r\n:0\r\n*0\r\n");
      if (line == "value\r\n") peer.Send("+OK\r\n");
      if (line == "20\r\n") peer.Send(confirmed.load());
      if (line == "replication\r\n") {
        peer.Send(Bulk("slave0:state=online,lag=0\r\nslave1:state=online,lag=1\r\n"));
      }
    }
  });
  Sentinel sentinel(primary.port(), "slave,s_down");
  const auto store = Store(sentinel, std::nullopt);
  ExpectTooFew(*store);
  confirmed = ":2\r\n";
  EXPECT_TRUE(EventuallySet(*store));
}

}  // namespace
}  // namespace tokenbroker::testing
