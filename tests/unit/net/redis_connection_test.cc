#include "net/redis_connection.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "support/redis_server.h"
#include "support/scripted_server.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

using Result = absl::StatusOr<RedisReply>;

RedisReply Text(std::string text) { return RedisReply{std::move(text)}; }
RedisReply Integer(std::int64_t value) { return RedisReply{value}; }
RedisReply Ok() { return RedisReply{RedisStatus{"OK"}}; }

std::string CauseOf(const absl::Status& status) { return MetadataOf(status)["cause"]; }

class RedisConnectionTest : public ::testing::Test {
 protected:
  static constexpr absl::Duration kPatience = absl::Seconds(20);

  absl::Time Deadline() { return clock_.Now() + kPatience; }

  static std::shared_ptr<RedisOptions> Patient(std::shared_ptr<RedisOptions> options) {
    options->connect_timeout = kPatience;
    options->command_timeout = kPatience;
    return options;
  }

  Result Ask(RedisConnection& redis, RedisCommand command) {
    return RunBlocking(runtime_, redis.Command(std::move(command), Deadline()));
  }

  std::shared_ptr<internal::BlockingResult<Result>> Start(RedisConnection& redis,
                                                          RedisCommand command) {
    auto ended = std::make_shared<internal::BlockingResult<Result>>();
    runtime_.Spawn(internal::SetWhenDone(redis.Command(std::move(command), Deadline()), ended));
    return ended;
  }

  // Asks again for as long as the connection is away.
  Result AskUntilConnected(RedisConnection& redis, const RedisCommand& command) {
    const absl::Time end = Deadline();
    Result result = Ask(redis, command);
    while (!result.ok() && clock_.Now() < end) {
      result = Ask(redis, command);
    }
    return result;
  }

  SystemClock clock_;
  Runtime runtime_;
};

TEST_F(RedisConnectionTest, AnswersCommands) {
  RedisServer server;
  for (const auto& options : {server.Options(), server.TcpOptions()}) {
    RedisConnection redis(runtime_, clock_, Patient(options));
    const std::string value("a\r\n\0b", 5);
    EXPECT_THAT(Ask(redis, {"SET", "key", value}), IsOkAndHolds(Ok()));
    EXPECT_THAT(Ask(redis, {"GET", "key"}), IsOkAndHolds(Text(value)));
    EXPECT_THAT(Ask(redis, {"GET", "other"}), IsOkAndHolds(RedisReply{}));
    EXPECT_TRUE(redis.connected());
    ASSERT_OK_AND_ASSIGN(const RedisReply reply,
                         Ask(redis, {"EVALSHA", std::string(40, '0'), "0"}));
    ASSERT_NE(reply.Error(), nullptr);
    EXPECT_EQ(reply.Error()->kind, RedisErrorKind::kNoScript);
  }
}

TEST_F(RedisConnectionTest, KeepsManyCommandsInFlightApart) {
  RedisServer server;
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  std::vector<std::shared_ptr<internal::BlockingResult<Result>>> results;
  for (int i = 0; i < 2000; ++i) results.push_back(Start(redis, {"ECHO", std::to_string(i)}));
  for (int i = 0; i < 2000; ++i) {
    EXPECT_THAT(results[static_cast<std::size_t>(i)]->Wait(),
                IsOkAndHolds(Text(std::to_string(i))));
  }
}

TEST_F(RedisConnectionTest, SendsSeveralCommandsWithNothingInBetween) {
  RedisServer server;
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  std::vector<RedisCommand> commands = {{"MULTI"}, {"INCR", "n"}, {"INCR", "n"}, {"EXEC"}};
  ASSERT_OK_AND_ASSIGN(const auto replies,
                       RunBlocking(runtime_, redis.Commands(std::move(commands), Deadline())));
  ASSERT_EQ(replies.size(), 4u);
  EXPECT_EQ(replies[3], (RedisReply{std::vector<RedisReply>{Integer(1), Integer(2)}}));
  EXPECT_THAT(RunBlocking(runtime_, redis.Commands({}, Deadline())),
              IsOkAndHolds(::testing::IsEmpty()));
}

TEST_F(RedisConnectionTest, SignsInAndSelectsTheDatabase) {
  RedisServer server({.password = "open sesame"});
  auto options = Patient(server.Options());
  options->database = 3;
  RedisConnection redis(runtime_, clock_, options);
  EXPECT_THAT(Ask(redis, {"SET", "key", "3"}), IsOkAndHolds(Ok()));
  EXPECT_THAT(Ask(redis, {"SELECT", "0"}), IsOkAndHolds(Ok()));
  EXPECT_THAT(Ask(redis, {"EXISTS", "key"}), IsOkAndHolds(Integer(0)));
}

TEST_F(RedisConnectionTest, SaysThatThePasswordIsRefused) {
  RedisServer server({.password = "open sesame"});
  auto wrong = Patient(server.Options());
  wrong->login = LoginWith("open barley");
  auto none = Patient(server.Options());
  none->login = {};
  for (const auto& options : {wrong, none}) {
    RedisConnection redis(runtime_, clock_, options);
    const Result result = Ask(redis, {"PING"});
    EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
    EXPECT_EQ(CauseOf(result.status()), "denied");
    EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
    EXPECT_EQ(result.status().ToString().find("barley"), std::string::npos);
  }
}

TEST_F(RedisConnectionTest, FailsFastWithRetryInfoWhileRedisIsAwayAndComesBackByItself) {
  RedisServer server({.start = false});
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  const Result result = Ask(redis, {"PING"});
  EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
  EXPECT_EQ(CauseOf(result.status()), "connect");
  EXPECT_NE(RetryAfterOf(result.status()), std::nullopt);
  EXPECT_FALSE(redis.connected());
  server.Start();
  EXPECT_THAT(AskUntilConnected(redis, {"SET", "key", "1"}), IsOkAndHolds(Ok()));
  server.Restart();
  EXPECT_THAT(AskUntilConnected(redis, {"EXISTS", "key"}), IsOkAndHolds(Integer(0)));
}

TEST_F(RedisConnectionTest, ComesBackAsSoonAsAnotherToTheSameServerDoes) {
  RedisServer server({.start = false});
  const auto peers = std::make_shared<RedisPeers>();
  auto quick = Patient(server.Options());
  quick->peers = peers;
  auto slow = Patient(server.Options());
  slow->peers = peers;
  slow->min_reconnect_delay = slow->max_reconnect_delay = absl::Hours(1);
  RedisConnection waits_long(runtime_, clock_, slow);
  EXPECT_EQ(CauseOf(Ask(waits_long, {"PING"}).status()), "connect");
  server.Start();
  RedisConnection finds_it(runtime_, clock_, quick);
  EXPECT_THAT(AskUntilConnected(finds_it, {"SET", "key", "1"}), IsOkAndHolds(Ok()));
  EXPECT_THAT(AskUntilConnected(waits_long, {"EXISTS", "key"}), IsOkAndHolds(Integer(1)));
}

TEST_F(RedisConnectionTest, DoesNotKnowWhatBecameOfACommandWhoseConnectionBroke) {
  internal::BlockingResult<bool> seen;
  ScriptedServer server([&seen](ScriptedPeer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Send("+PONG\r\n");
    peer.ReadUntil("first\r\n");
    if (peer.index() == 0) seen.Set(true);
    peer.Reset();
  });
  auto options = Patient(std::make_shared<RedisOptions>());
  options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
  RedisConnection redis(runtime_, clock_, options);
  const Result result = Ask(redis, {"GET", "first"});
  seen.Wait();
  EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
}

TEST_F(RedisConnectionTest, GivesUpACommandAtItsDeadlineAndKeepsTheOthers) {
  RedisServer server;
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  ASSERT_OK(Ask(redis, {"PING"}));
  server.Pause();
  const absl::Time soon = clock_.Now() + absl::Milliseconds(50);
  const Result late = RunBlocking(runtime_, redis.Command({"ECHO", "late"}, soon));
  EXPECT_THAT(late, FailsWith(Reason::kDeadlineExceeded));
  EXPECT_EQ(DeliveryOf(late.status()), Delivery::kUnknown);
  auto ended = Start(redis, {"ECHO", "in time"});
  server.Resume();
  EXPECT_THAT(ended->Wait(), IsOkAndHolds(Text("in time")));
}

TEST_F(RedisConnectionTest, SendsNothingAfterTheDeadline) {
  RedisServer server;
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  const absl::Time past = clock_.Now() - absl::Seconds(1);
  const Result result = RunBlocking(runtime_, redis.Command({"INCR", "n"}, past));
  EXPECT_THAT(result, FailsWith(Reason::kDeadlineExceeded));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
  EXPECT_THAT(Ask(redis, {"EXISTS", "n"}), IsOkAndHolds(Integer(0)));
}

TEST_F(RedisConnectionTest, GivesUpAConnectionThatAnswersNothing) {
  RedisServer server;
  auto options = Patient(server.Options());
  options->command_timeout = absl::Milliseconds(400);
  options->connect_timeout = absl::Milliseconds(400);
  RedisConnection redis(runtime_, clock_, options);
  ASSERT_OK(AskUntilConnected(redis, {"PING"}));
  server.Pause();
  EXPECT_THAT(Ask(redis, {"PING"}), FailsWith(Reason::kDeadlineExceeded));
  // Now it is known to be away: commands are not even sent.
  Result result = Ask(redis, {"PING"});
  while (HasReason(result.status(), Reason::kDeadlineExceeded)) result = Ask(redis, {"PING"});
  EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(CauseOf(result.status()), "timeout");
  server.Resume();
  EXPECT_OK(AskUntilConnected(redis, {"PING"}));
}

TEST_F(RedisConnectionTest, CancelsACommandWithoutMixingUpTheReplies) {
  RedisServer server;
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  ASSERT_OK(Ask(redis, {"PING"}));
  server.Pause();
  auto ended = std::make_shared<internal::BlockingResult<Result>>();
  const SpawnedTask task = runtime_.Spawn(
      internal::SetWhenDone(redis.Command({"ECHO", "cancelled"}, Deadline()), ended));
  task.Cancel();
  EXPECT_THAT(ended->Wait(), FailsWith(Reason::kCancelled));
  auto kept = Start(redis, {"ECHO", "kept"});
  server.Resume();
  EXPECT_THAT(kept->Wait(), IsOkAndHolds(Text("kept")));
}

TEST_F(RedisConnectionTest, BoundsHowManyCommandsWait) {
  RedisServer server;
  auto options = Patient(server.Options());
  options->max_waiting_commands = 3;
  // With a single thread, coroutines start in the order in which they are spawned.
  Runtime runtime(1);
  RedisConnection redis(runtime, clock_, options);
  const auto ping = [&] {
    auto ended = std::make_shared<internal::BlockingResult<Result>>();
    runtime.Spawn(internal::SetWhenDone(redis.Command({"PING"}, Deadline()), ended));
    return ended;
  };
  ASSERT_OK(ping()->Wait());
  server.Pause();
  std::vector<std::shared_ptr<internal::BlockingResult<Result>>> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(ping());
  const Result refused = ping()->Wait();
  EXPECT_THAT(refused, FailsWith(Reason::kLimitReached));
  EXPECT_EQ(DeliveryOf(refused.status()), Delivery::kNotSent);
  server.Resume();
  for (const auto& result : taken) EXPECT_OK(result->Wait());
}

struct BadPeerCase {
  std::string name;
  std::string bytes;
};

TEST_F(RedisConnectionTest, DropsAPeerThatDoesNotSpeakTheProtocol) {
  const BadPeerCase cases[] = {
      {"garbage", "garbage\r\n"},
      {"half a reply", "$10\r\nabc"},
      {"nothing", ""},
      {"reply beyond the limit", "$100000000\r\n" + std::string(70'000, 'x')},
  };
  for (const BadPeerCase& test : cases) {
    ScriptedServer server([&test](ScriptedPeer& peer) {
      peer.ReadUntil("PING\r\n");
      peer.Send("+PONG\r\n");
      peer.ReadUntil("key\r\n");
      peer.Send(test.bytes);
    });
    auto options = Patient(std::make_shared<RedisOptions>());
    options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
    options->max_reply_bytes = 65'536;
    RedisConnection redis(runtime_, clock_, options);
    const Result result = Ask(redis, {"GET", "key"});
    EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable)) << test.name;
    EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown) << test.name;
  }
}

TEST_F(RedisConnectionTest, ReadsRepliesThatComeByteByByte) {
  ScriptedServer server([](ScriptedPeer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Send("+PONG\r\n");
    peer.ReadUntil("key\r\n");
    for (const char c : std::string_view("$5\r\nvalue\r\n")) peer.Send({&c, 1});
    peer.WaitForClose();
  });
  auto options = Patient(std::make_shared<RedisOptions>());
  options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
  RedisConnection redis(runtime_, clock_, options);
  EXPECT_THAT(Ask(redis, {"GET", "key"}), IsOkAndHolds(Text("value")));
}

TEST_F(RedisConnectionTest, LooksForAnotherServerWhenThisOneIsReadOnly) {
  RedisServer primary;
  RedisServer replica({.arguments = {"--replicaof", "127.0.0.1", std::to_string(primary.port())}});
  RedisConnection redis(runtime_, clock_, Patient(replica.Options()));
  ASSERT_OK_AND_ASSIGN(const RedisReply reply, AskUntilConnected(redis, {"SET", "key", "1"}));
  ASSERT_NE(reply.Error(), nullptr);
  EXPECT_EQ(reply.Error()->kind, RedisErrorKind::kReadOnly);
  RedisConnection admin(runtime_, clock_, Patient(replica.Options()));
  ASSERT_OK(AskUntilConnected(admin, {"REPLICAOF", "NO", "ONE"}));
  EXPECT_THAT(AskUntilConnected(redis, {"SET", "key", "1"}), IsOkAndHolds(Ok()));
}

TEST_F(RedisConnectionTest, EndsWhatIsUnderWayWhenDestroyed) {
  internal::BlockingResult<bool> asked;
  ScriptedServer server([&asked](ScriptedPeer& peer) {
    peer.ReadUntil("PING\r\n");
    peer.Send("+PONG\r\n");
    peer.ReadUntil("key\r\n");
    asked.Set(true);
    peer.WaitForClose();
  });
  auto options = Patient(std::make_shared<RedisOptions>());
  options->endpoint = TcpEndpoint{.host = "127.0.0.1", .port = server.port()};
  auto redis = std::make_unique<RedisConnection>(runtime_, clock_, options);
  auto ended = Start(*redis, {"GET", "key"});
  asked.Wait();
  redis.reset();
  const Result result = ended->Wait();
  EXPECT_THAT(result, FailsWith(Reason::kShuttingDown));
  EXPECT_EQ(DeliveryOf(result.status()), Delivery::kUnknown);
}

TEST_F(RedisConnectionTest, IsDestroyedSafelyAfterItsRuntimeStopped) {
  RedisServer server;
  RedisConnection redis(runtime_, clock_, Patient(server.Options()));
  ASSERT_OK(Ask(redis, {"PING"}));
  server.Pause();
  Start(redis, {"PING"});
  runtime_.Stop();
}

TEST_F(RedisConnectionTest, SpeaksTls) {
  const TestAuthority authority;
  RedisServer server({.tls_authority = &authority, .demand_client_certificate = true});
  RedisConnection redis(runtime_, clock_, Patient(server.TlsOptions()));
  EXPECT_THAT(Ask(redis, {"SET", "key", std::string(100'000, 'x')}), IsOkAndHolds(Ok()));
  EXPECT_THAT(Ask(redis, {"STRLEN", "key"}), IsOkAndHolds(Integer(100'000)));
}

TEST_F(RedisConnectionTest, SendsNothingToATlsPeerThatDoesNotProveItsName) {
  const TestAuthority authority;
  const TempDir files;
  CertificateOptions other_host;
  other_host.dns_names = {"example.com"};
  CertificateOptions common_name;
  common_name.common_name = "localhost";
  CertificateOptions expired;
  expired.dns_names = {"localhost"};
  expired.not_after = -absl::Minutes(1);
  CertificateOptions right;
  right.dns_names = {"localhost"};
  for (const PemPair& certificate : {authority.Issue(other_host), authority.Issue(common_name),
                                     authority.Issue(expired), SelfSigned(right)}) {
    std::string seen;
    {
      ScriptedServer server([&seen](ScriptedPeer& peer) { seen = peer.ReadBytes(1); },
                            {.certificate = certificate});
      TlsClientOptions tls;
      tls.ca_file = files.Write("ca.pem", authority.certificate());
      auto options = Patient(std::make_shared<RedisOptions>());
      options->endpoint = TcpEndpoint{.host = "localhost", .port = server.port(), .tls = tls};
      options->login = LoginWith("open sesame");
      RedisConnection redis(runtime_, clock_, options);
      const Result result = Ask(redis, {"PING"});
      EXPECT_THAT(result, FailsWith(Reason::kStoreUnavailable));
      EXPECT_EQ(CauseOf(result.status()), "tls");
      EXPECT_EQ(DeliveryOf(result.status()), Delivery::kNotSent);
    }
    EXPECT_EQ(seen, "");
  }
}

TEST_F(RedisConnectionTest, AsksForTheNameThatItIsTold) {
  const TestAuthority authority;
  RedisServer server({.tls_authority = &authority});
  auto options = Patient(server.TlsOptions());
  auto& endpoint = std::get<TcpEndpoint>(options->endpoint);
  // The certificate is for localhost; the address alone is not in it.
  endpoint.host = "127.0.0.1";
  RedisConnection by_address(runtime_, clock_, std::make_shared<RedisOptions>(*options));
  EXPECT_EQ(CauseOf(Ask(by_address, {"PING"}).status()), "tls");
  endpoint.server_name = "localhost";
  RedisConnection by_name(runtime_, clock_, options);
  EXPECT_OK(Ask(by_name, {"PING"}));
}

TEST_F(RedisConnectionTest, ReadsItsCertificateAgainForEveryConnection) {
  const TestAuthority authority;
  const TestAuthority stranger;
  const TempDir files;
  RedisServer server({.tls_authority = &authority, .demand_client_certificate = true});
  auto options = Patient(server.TlsOptions());
  CertificateOptions client;
  client.common_name = "redis client";
  const auto write = [&](const TestAuthority& issuer) {
    const PemPair pair = issuer.Issue(client);
    return ClientCertificate{files.Write("client.pem", pair.certificate),
                             files.Write("client.key", pair.key)};
  };
  std::get<TcpEndpoint>(options->endpoint).tls->client_certificate = write(stranger);
  RedisConnection redis(runtime_, clock_, options);
  EXPECT_THAT(Ask(redis, {"PING"}), FailsWith(Reason::kStoreUnavailable));
  write(authority);
  EXPECT_OK(AskUntilConnected(redis, {"PING"}));
}

TEST_F(RedisConnectionTest, SaysThatItsOwnTlsFilesCannotBeUsed) {
  TlsClientOptions tls;
  tls.ca_file = "/nonexistent/ca.pem";
  ScriptedServer server([](ScriptedPeer& peer) { peer.WaitForClose(); });
  auto options = Patient(std::make_shared<RedisOptions>());
  options->endpoint = TcpEndpoint{.host = "localhost", .port = server.port(), .tls = tls};
  RedisConnection redis(runtime_, clock_, options);
  EXPECT_EQ(CauseOf(Ask(redis, {"PING"}).status()), "tls_files");
}

}  // namespace
}  // namespace tokenbroker::testing
