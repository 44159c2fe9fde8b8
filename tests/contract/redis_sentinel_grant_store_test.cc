// The suite of every store, on a primary that Sentinels replace, and what happens when they do.
#include <iostream>

#include "absl/time/clock.h"
#include "contract/failover.h"
#include "contract/grant_store_contract.h"
#include "contract/redis_harness.h"

namespace tokenbroker::testing {
namespace {

const RedisDeployment& Deployment() {
  static const RedisDeployment deployment = ServersWithSentinels();
  return deployment;
}

}  // namespace

std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime& runtime) {
  return std::make_unique<RedisHarness>(runtime, Deployment());
}

namespace {

class SentinelStore : public GrantStoreContract {
 protected:
  // What the servers and the Sentinels did, where a test did not go as it should.
  void TearDown() override {
    if (!HasFailure()) return;
    for (const auto& server : harness().deployment().servers) {
      std::cout << "--- server " << server->port() << ":\n" << server->Log();
    }
    for (const auto& sentinel : harness().deployment().sentinels) {
      std::cout << "--- Sentinel " << sentinel->port() << ":\n" << sentinel->Log();
    }
  }

  RedisHarness& harness() { return static_cast<RedisHarness&>(*harness_); }

  bool IsReplica(std::size_t server) {
    const RedisReply role = harness().AskServer(server, {"ROLE"});
    return role.Array()->front() == RedisReply{std::string("slave")};
  }
  // The number of the server that takes writes: for a while after a failover the other says so too.
  std::size_t Primary() {
    Eventually([this] { return IsReplica(0) || IsReplica(1); });
    return IsReplica(0) ? 1 : 0;
  }

  // Until every Sentinel knows the others and the replica, so that they can agree.
  void WaitUntilWatchedOver() {
    SystemClock clock;
    for (const auto& sentinel : harness().deployment().sentinels) {
      RedisConnection connection(runtime_, clock, sentinel->TcpOptions());
      Eventually([&] {
        const auto reply =
            Run(connection.Command({"SENTINEL", "MASTER", "tests"}, absl::InfiniteFuture()));
        return reply.ok() && FieldOf(*reply, "num-slaves") == "1" &&
               FieldOf(*reply, "num-other-sentinels") == "2" &&
               FieldOf(*reply, "flags") == "master";
      });
    }
  }

  // Whether the Sentinel behind `sentinel` sends clients to `server`.
  bool Names(RedisConnection& sentinel, std::size_t server) {
    const auto reply = Run(
        sentinel.Command({"SENTINEL", "GET-MASTER-ADDR-BY-NAME", "tests"}, absl::InfiniteFuture()));
    return reply.ok() && reply->Array() != nullptr &&
           reply->Array()->back() ==
               RedisReply{std::to_string(harness().deployment().servers[server]->port())};
  }

  // Until every Sentinel sends clients to `server`, and none to the one that was.
  void WaitUntilNamed(std::size_t server) {
    SystemClock clock;
    for (const auto& sentinel : harness().deployment().sentinels) {
      RedisConnection connection(runtime_, clock, sentinel->TcpOptions());
      Eventually([&] { return Names(connection, server); });
    }
  }

  // Until the other server follows the primary again and has all of it.
  void WaitUntilReplicated() {
    const std::size_t primary = Primary();
    Eventually([&] {
      return harness().AskServer(primary, {"WAIT", "1", "100"}) == RedisReply{std::int64_t{1}};
    });
  }
};

TEST_F(SentinelStore, NearCacheIsDistrustedUntilTheNewPrimaryIsListenedTo) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  WaitUntilWatchedOver();
  const grants::Grant created = Created("grant");
  WaitUntilReplicated();
  const std::size_t old_primary = Primary();
  const int losses = observer().losses();
  harness().deployment().servers[old_primary]->Kill();
  // A change counts as made only when a replica has it, so that one has to come back: empty, and so
  // when it is no longer taken for the primary, and not to be made one before it has everything.
  WaitUntilNamed(1 - old_primary);
  harness().deployment().servers[old_primary]->Start();
  harness().AskServer(old_primary, {"CONFIG", "SET", "replica-priority", "0"});

  Insist([&] { return Run(store().CommitGrant(NextGeneration(created))); });
  EXPECT_TRUE(observer().WaitForLossAfter(losses));
  EXPECT_TRUE(observer().WaitUntilSeen());
  Insist([&] { return Run(store().FindGrant("grant")); });
  EXPECT_EQ(Stored("grant").generation, 2u);

  // What another replica changes at the new primary is heard.
  const int before = observer().changes("grant");
  Insist([&] {
    return Run(other_replica().EndGrant("grant", grants::GrantState::kRevoked, "", absl::Hours(1)));
  });
  EXPECT_TRUE(observer().WaitForChangeAfter(before, "grant"));
  WaitUntilReplicated();
  harness().AskServer(old_primary, {"CONFIG", "SET", "replica-priority", "100"});
}

TEST_F(SentinelStore, FollowsAPrimaryThatSteppedDownAlive) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  WaitUntilReplicated();
  WaitUntilWatchedOver();
  const grants::Grant created = Created("grant");
  WaitUntilReplicated();
  const int losses = observer().losses();
  SystemClock clock;
  RedisConnection sentinel(runtime_, clock, harness().deployment().sentinels[0]->TcpOptions());
  // It gives a failover up that goes too slowly for it; while one goes on it refuses another.
  const std::size_t next = 1 - Primary();
  Eventually([&] {
    if (Names(sentinel, next)) return true;
    (void)Run(sentinel.Command({"SENTINEL", "FAILOVER", "tests"}, absl::InfiniteFuture()));
    return false;
  });
  EXPECT_TRUE(observer().WaitForLossAfter(losses));
  EXPECT_TRUE(observer().WaitUntilSeen());
  Insist([&] { return Run(store().CommitGrant(NextGeneration(created))); });
  Insist([&] { return Run(store().FindGrant("grant")); });
  EXPECT_EQ(Stored("grant").generation, 2u);
  WaitUntilReplicated();
}

}  // namespace
}  // namespace tokenbroker::testing
