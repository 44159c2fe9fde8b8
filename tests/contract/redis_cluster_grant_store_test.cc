// The suite of every store, on a cluster, and what happens when its slots move.
#include <thread>

#include "contract/failover.h"
#include "contract/grant_store_contract.h"
#include "contract/redis_harness.h"
#include "net/redis_slot.h"

namespace tokenbroker::testing {
namespace {

const RedisDeployment& Deployment() {
  static const RedisDeployment deployment = ClusterOfSix();
  return deployment;
}

}  // namespace

std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime& runtime) {
  return std::make_unique<RedisHarness>(runtime, Deployment());
}

namespace {

using grants::Grant;

class ClusterStore : public GrantStoreContract {
 protected:
  RedisHarness& harness() { return static_cast<RedisHarness&>(*harness_); }
  const std::vector<std::unique_ptr<RedisServer>>& servers() {
    return harness().deployment().servers;
  }

  static std::string KeyOf(const std::string& grant_id) {
    return storage::RedisKeys("tb").Grant(grant_id);
  }
  static std::string SlotOf(const std::string& grant_id) {
    return std::to_string(RedisSlotOf(KeyOf(grant_id)));
  }
  bool IsPrimary(std::size_t server) {
    const RedisReply role = harness().AskServer(server, {"ROLE"});
    return role.Array()->front() == RedisReply{std::string("master")};
  }
  std::string IdOf(std::size_t server) {
    return *harness().AskServer(server, {"CLUSTER", "MYID"}).String();
  }
  // The server that has the slot of a grant.
  std::size_t OwnerOf(const std::string& grant_id) {
    const RedisReply slots = harness().AskServer(0, {"CLUSTER", "SLOTS"});
    const auto map = ReadSlotMap(slots, "127.0.0.1");
    const RedisNode owner = *map->OwnerOf(RedisSlotOf(KeyOf(grant_id)));
    std::size_t server = 0;
    while (servers()[server]->port() != owner.port) ++server;
    return server;
  }
  // The id of a grant that another primary has.
  std::string Elsewhere(const std::string& than) {
    const std::size_t owner = OwnerOf(than);
    std::string other = "other";
    while (OwnerOf(other) == owner) other += "-";
    return other;
  }
  void WaitUntilSeenSince(const std::string& grant_id, absl::Time since) {
    Eventually([&] { return store().ChangesSeenSince(grant_id) == since; });
  }
  std::size_t AnotherPrimary(std::size_t than) {
    for (std::size_t i = 0; i < servers().size(); ++i) {
      if (i != than && IsPrimary(i)) return i;
    }
    return than;
  }
  std::size_t ReplicaOf(std::size_t primary) {
    const RedisReply role = harness().AskServer(primary, {"ROLE"});
    const auto& replica = *(*role.Array())[2].Array()->front().Array();
    std::size_t server = 0;
    while (std::to_string(servers()[server]->port()) != *replica[1].String()) ++server;
    return server;
  }
  void WaitUntilWhole() {
    Eventually([this] {
      for (std::size_t i = 0; i < servers().size(); ++i) {
        const RedisReply state = harness().AskServer(i, {"CLUSTER", "INFO"});
        if (state.String()->find("cluster_state:ok") == std::string::npos) return false;
        if (!IsPrimary(i)) continue;
        if (harness().AskServer(i, {"WAIT", "1", "100"}) != RedisReply{std::int64_t{1}}) {
          return false;
        }
      }
      return true;
    });
  }
};

TEST_F(ClusterStore, UsesAllPrimaries) {
  for (int i = 0; i < 60; ++i) Created("grant-" + std::to_string(i));
  for (std::size_t i = 0; i < servers().size(); ++i) {
    if (!IsPrimary(i)) continue;
    EXPECT_GT(*harness().AskServer(i, {"DBSIZE"}).Integer(), 0) << i;
  }
}

TEST_F(ClusterStore, FollowsASlotOnItsWayToAnotherServer) {
  WaitUntilWhole();
  const Grant created = Created("grant");
  const std::string slot = SlotOf("grant");
  const std::size_t from = OwnerOf("grant");
  const std::size_t to = AnotherPrimary(from);
  const std::string to_id = IdOf(to);
  harness().AskServer(to, {"CLUSTER", "SETSLOT", slot, "IMPORTING", IdOf(from)});
  harness().AskServer(from, {"CLUSTER", "SETSLOT", slot, "MIGRATING", to_id});
  // What has moved is read where ASK leads.
  const std::string to_port = std::to_string(servers()[to]->port());
  harness().AskServer(from, {"MIGRATE", "127.0.0.1", to_port, KeyOf("grant"), "0", "5000"});
  EXPECT_EQ(Stored("grant").generation, 1u);
  const RedisReply left = harness().AskServer(from, {"CLUSTER", "GETKEYSINSLOT", slot, "100"});
  for (const RedisReply& key : *left.Array()) {
    harness().AskServer(from, {"MIGRATE", "127.0.0.1", to_port, *key.String(), "0", "5000"});
  }
  // A script over several keys, some of which exist nowhere, is answered by TRYAGAIN until the slot
  // has arrived.
  absl::Status committed = absl::UnknownError("not run");
  std::thread commit([&] { committed = Run(store().CommitGrant(NextGeneration(created))); });
  const auto waiting = Run(other_replica().FindGrant("grant"));
  for (const std::size_t server : {to, from}) {
    harness().AskServer(server, {"CLUSTER", "SETSLOT", slot, "NODE", to_id});
  }
  commit.join();
  ASSERT_OK(waiting);
  ASSERT_OK(committed);
  Insist([&] { return Run(store().FindGrant("grant")); });
  EXPECT_EQ(Stored("grant").generation, 2u);
  const auto other = Run(other_replica().FindGrant("grant"));
  ASSERT_OK(other);
  EXPECT_EQ(other->generation, 2u);
  Created("another");
}

TEST_F(ClusterStore, NearCacheIsDistrustedUntilEveryPrimaryIsListenedTo) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  WaitUntilWhole();
  const Grant created = Created("grant");
  WaitUntilWhole();
  const std::size_t old_primary = OwnerOf("grant");
  const std::size_t replica = ReplicaOf(old_primary);
  const int losses = observer().losses();
  servers()[old_primary]->Kill();
  // A change counts as made only when a replica has it, so that one has to come back.
  Eventually([&] { return IsPrimary(replica); });
  servers()[old_primary]->Start();
  Insist([&] { return Run(store().CommitGrant(NextGeneration(created))); });
  EXPECT_TRUE(observer().WaitForLossAfter(losses));
  EXPECT_TRUE(observer().WaitUntilSeen());
  Insist([&] { return Run(store().FindGrant("grant")); });
  EXPECT_EQ(Stored("grant").generation, 2u);
  const int before = observer().changes("grant");
  Insist([&] {
    return Run(other_replica().EndGrant("grant", grants::GrantState::kRevoked, "", absl::Hours(1)));
  });
  EXPECT_TRUE(observer().WaitForChangeAfter(before, "grant"));
  WaitUntilWhole();
}

TEST_F(ClusterStore, MissesOnlyWhatThePrimaryThatIsLostWouldHaveTold) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  WaitUntilWhole();
  const std::string other = Elsewhere("grant");
  const absl::Time first = Now();
  WaitUntilSeenSince("grant", first);
  WaitUntilSeenSince(other, first);
  harness().clock().Advance(absl::Minutes(1));
  const std::size_t old_primary = OwnerOf("grant");
  const std::size_t replica = ReplicaOf(old_primary);
  const int losses = observer().losses();
  servers()[old_primary]->Kill();
  EXPECT_TRUE(observer().WaitForLossAfter(losses));
  EXPECT_EQ(store().ChangesSeenSince("grant"), std::nullopt);
  EXPECT_EQ(store().ChangesSeenSince(other), first);
  Eventually([&] { return IsPrimary(replica); });
  servers()[old_primary]->Start();
  WaitUntilSeenSince("grant", Now());
  EXPECT_EQ(store().ChangesSeenSince(other), first);
  EXPECT_TRUE(observer().WaitUntilSeen());
  WaitUntilWhole();
}

TEST_F(ClusterStore, CountsAnewWhatAPrimaryHasThatGainedSlots) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  WaitUntilWhole();
  const std::string left_alone = Elsewhere("grant");
  const std::size_t from = OwnerOf("grant");
  const std::size_t to = OwnerOf(left_alone);
  const absl::Time first = Now();
  WaitUntilSeenSince("grant", first);
  WaitUntilSeenSince(left_alone, first);
  harness().clock().Advance(absl::Minutes(1));
  const std::string to_id = IdOf(to);
  for (const std::size_t server : {to, from}) {
    harness().AskServer(server, {"CLUSTER", "SETSLOT", SlotOf("grant"), "NODE", to_id});
  }
  WaitUntilSeenSince("grant", Now());
  EXPECT_EQ(store().ChangesSeenSince(left_alone), Now());
  // The one that it was taken from misses nothing of what it still has.
  std::string kept = "kept";
  while (OwnerOf(kept) != from) kept += "-";
  EXPECT_EQ(store().ChangesSeenSince(kept), first);
  WaitUntilWhole();
}

TEST_F(ClusterStore, FollowsAPrimaryThatSteppedDownAlive) {
  WaitUntilWhole();
  const Grant created = Created("grant");
  WaitUntilWhole();
  const std::size_t primary = OwnerOf("grant");
  const std::size_t replica = ReplicaOf(primary);
  harness().AskServer(replica, {"CLUSTER", "FAILOVER"});
  Eventually([&] { return IsPrimary(replica); });
  Insist([&] { return Run(store().CommitGrant(NextGeneration(created))); });
  Insist([&] { return Run(store().FindGrant("grant")); });
  EXPECT_EQ(Stored("grant").generation, 2u);
  ASSERT_TRUE(observer().WaitUntilSeen());
  WaitUntilWhole();
}

}  // namespace
}  // namespace tokenbroker::testing
