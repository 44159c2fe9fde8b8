// What only the store in Redis promises, beside the suite that is linked in.
#include "storage/redis/redis_grant_store.h"

#include <algorithm>
#include <atomic>
#include <set>
#include <thread>

#include "contract/grant_store_contract.h"
#include "contract/redis_harness.h"
#include "net/redis_single.h"
#include "storage/redis/redis_settings.h"

namespace tokenbroker::testing {

std::unique_ptr<GrantStoreHarness> NewGrantStoreHarness(Runtime& runtime) {
  static const RedisDeployment deployment = OneServer();
  return std::make_unique<RedisHarness>(runtime, deployment);
}

namespace {

using grants::Grant;
using grants::GrantCommit;
using grants::GrantState;
using storage::RedisGrantStore;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Pair;
using ::testing::StartsWith;

class RedisStore : public GrantStoreContract {
 protected:
  RedisHarness& harness() { return static_cast<RedisHarness&>(*harness_); }

  std::vector<std::string> Keys(const std::string& pattern = "*") {
    std::vector<std::string> keys;
    const RedisReply reply = harness().Ask({"KEYS", pattern});
    for (const RedisReply& key : *reply.Array()) keys.push_back(*key.String());
    return keys;
  }
  std::string GrantKey(const std::string& id) {
    const auto keys = Keys("tb:grant:*:" + id);
    EXPECT_EQ(keys.size(), 1u);
    return keys.empty() ? "" : keys.front();
  }
  // Everything that Redis would write to disk or send to a replica: keys and values as one text.
  std::string WholeKeyspace() {
    std::string all;
    for (const std::string& key : Keys()) {
      all += key + "\n";
      for (const RedisCommand& command : {RedisCommand{"GET", key}, RedisCommand{"HGETALL", key},
                                          RedisCommand{"ZRANGE", key, "0", "-1", "WITHSCORES"}}) {
        const auto reply = Run(plain_.Command(command, absl::InfiniteFuture()));
        EXPECT_OK(reply);
        if (const auto* text = reply->String()) all += *text + "\n";
        if (const auto* list = reply->Array()) {
          for (const RedisReply& element : *list) all += *element.String() + "\n";
        }
      }
    }
    return all;
  }

  SystemClock system_clock_;
  RedisConnection plain_{runtime_, system_clock_, RedisHarness::PatientOptions(harness().server())};
};

TEST_F(RedisStore, ShowsRedisNothingSecret) {
  const Secret state("secret-state");
  ASSERT_OK(Run(store().PutAuthorization(state.Copy(), SampleAuthorization(Now()))));
  ASSERT_OK(Run(store().ClaimAuthorization(state.Copy(), "secret-digest")));
  ASSERT_OK(Run(store().FinishAuthorization(state.Copy(), SampleOutcome("grant"))));
  const Grant created = Created("grant");
  GrantCommit commit = NextGeneration(created);
  commit.lease = Leased("grant", "holder");
  commit.grant.next_refresh_at = Now();
  ASSERT_OK(Run(store().CommitGrant(std::move(commit))));
  Created("ended");
  ASSERT_OK(Run(store().EndGrant("ended", GrantState::kRevoked, "revoked", absl::Hours(1))));
  ASSERT_OK(Run(store().ClaimDue(Now(), 10, absl::Minutes(1))));

  const std::string all = WholeKeyspace();
  EXPECT_GT(all.size(), 1000u);
  EXPECT_NE(all.find("tb:grant:"), std::string::npos);
  for (const std::string& secret : {std::string("secret"), created.caller, created.id_token.issuer,
                                    created.client + "-client", std::string("openid")}) {
    EXPECT_EQ(all.find(secret), std::string::npos) << secret;
  }
}

TEST_F(RedisStore, KeepsEveryKeyUnderItsPrefix) {
  ASSERT_OK(Run(store().PutAuthorization(Secret("state"), SampleAuthorization(Now()))));
  Created("grant");
  for (const std::string& key : Keys()) EXPECT_THAT(key, StartsWith("tb:"));

  storage::RedisStoreOptions options = harness().options();
  options.key_prefix = "other";
  const grants::KeyRing ring = RingOf({"2026"});
  RedisGrantStore apart(runtime_, system_clock_, ring, options);
  EXPECT_THAT(Run(apart.FindGrant("grant")), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Run(apart.FindAuthorization(Secret("state"))), FailsWith(Reason::kStateUnknown));
}

TEST_F(RedisStore, LeavesNothingBehindThatHasNoEnd) {
  ASSERT_OK(Run(store().PutAuthorization(Secret("state"), SampleAuthorization(Now()))));
  Grant finite = SampleGrant("finite", Now());
  finite.ends_at = Now() + absl::Hours(8);
  finite.next_refresh_at = Now() + absl::Minutes(4);
  Created(std::move(finite));
  Leased("finite", "holder");
  Elapse(absl::Hours(9));
  // The next grant looks after those that are gone.
  Created("other");
  for (const std::string& key : Keys()) {
    const RedisReply type = harness().Ask({"TYPE", key});
    if (std::get<RedisStatus>(type.value).text != "zset") continue;
    const RedisReply found = harness().Ask({"ZRANGE", key, "0", "-1"});
    for (const RedisReply& entry : *found.Array()) {
      if (key == "tb:used:{" + std::to_string(storage::ShardOf("finite")) + "}") continue;
      if (key == "tb:due:{" + std::to_string(storage::ShardOf("finite")) + "}") continue;
      EXPECT_NE(*entry.String(), "finite") << key;
    }
  }
  EXPECT_THAT(Keys("tb:authz:*"), IsEmpty());
  EXPECT_THAT(Keys("tb:open:*"), IsEmpty());
  EXPECT_THAT(Keys("tb:lease:*"), IsEmpty());
  EXPECT_THAT(Run(store().ClaimDue(Now(), 10, absl::Minutes(1))), IsOkAndHolds(IsEmpty()));
}

TEST_F(RedisStore, RefusesARecordThatWasMovedOrRolledBack) {
  const Grant created = Created("grant");
  Created("other");
  const std::string key = GrantKey("grant");
  const RedisReply first = harness().Ask({"HGET", key, "record"});
  ASSERT_OK(Run(store().CommitGrant(NextGeneration(created))));
  harness().Ask({"HSET", key, "record", *first.String()});
  EXPECT_THAT(Run(store().FindGrant("grant")), FailsWith(Reason::kRecordUnreadable));

  harness().Ask({"HSET", GrantKey("other"), "record", *first.String()});
  EXPECT_THAT(Run(store().FindGrant("other")), FailsWith(Reason::kRecordUnreadable));
  harness().Ask({"HDEL", GrantKey("other"), "record"});
  EXPECT_THAT(Run(store().FindGrant("other")), FailsWith(Reason::kRecordUnreadable));
}

TEST_F(RedisStore, LeavesUnreadableGrantsOutOfListsAndCountsThem) {
  const Grant created = Created("grant");
  Created("other");
  harness().Ask({"HSET", GrantKey("other"), "record", "garbage"});
  const auto page = Run(store().ListGrants({.caller = created.caller}, 10, ""));
  ASSERT_OK(page);
  ASSERT_EQ(page->grants.size(), 1u);
  EXPECT_EQ(page->grants[0].id, "grant");
  EXPECT_EQ(page->unreadable, 1u);
}

TEST_F(RedisStore, RotatesItsKeysWhileItServes) {
  const Grant created = Created("grant");
  ASSERT_OK(Run(store().PutAuthorization(Secret("state"), SampleAuthorization(Now()))));
  ManualClock clock;
  const auto list = [&](RedisGrantStore& replica) {
    return Run(replica.ListGrants({.subject = created.id_token.subject}, 10, ""));
  };
  const grants::KeyRing both = RingOf({"2027", "2026"});
  RedisGrantStore rotating(runtime_, clock, both, harness().options());
  const auto found = Run(rotating.FindGrant("grant"));
  ASSERT_OK(found);
  EXPECT_OK(Run(rotating.FindAuthorization(Secret("state"))));
  ASSERT_OK(Run(rotating.CommitGrant(NextGeneration(*found))));

  // The old key is gone, and with it nothing but what it alone had sealed.
  const grants::KeyRing last = RingOf({"2027"});
  RedisGrantStore rotated(runtime_, clock, last, harness().options());
  EXPECT_OK(Run(rotated.Check()));
  EXPECT_OK(Run(rotated.FindGrant("grant")));
  const auto page = list(rotated);
  ASSERT_OK(page);
  EXPECT_EQ(page->grants.size(), 1u);
  EXPECT_THAT(Run(rotated.FindAuthorization(Secret("state"))),
              FailsWith(Reason::kRecordUnreadable));
}

TEST_F(RedisStore, SealsEveryRecordAnewSoThatTheOldKeyCanGo) {
  for (const char* id : {"1", "2", "3"}) Created(id);
  ASSERT_OK(Run(store().EndGrant("3", GrantState::kRevoked, "revoked", absl::Hours(1))));
  const RedisReply life = harness().Ask({"PTTL", GrantKey("3")});
  const RedisReply change = harness().Ask({"HGET", GrantKey("1"), "change"});
  ManualClock clock;
  const grants::KeyRing both = RingOf({"2027", "2026"});
  RedisGrantStore rotating(runtime_, clock, both, harness().options());
  ASSERT_OK(Run(rotating.CreateGrant(SampleGrant("new", Now()))));
  auto page = Run(rotating.RewrapGrants(100, ""));
  ASSERT_OK(page);
  EXPECT_EQ(page->rewrapped, 3u);
  EXPECT_EQ(page->current, 1u);
  page = Run(rotating.RewrapGrants(100, ""));
  ASSERT_OK(page);
  EXPECT_EQ(page->rewrapped, 0u);
  EXPECT_EQ(page->current, 4u);

  const grants::KeyRing last = RingOf({"2027"});
  RedisGrantStore rotated(runtime_, clock, last, harness().options());
  EXPECT_OK(Run(rotated.Check()));
  for (const char* id : {"1", "2", "3", "new"}) EXPECT_OK(Run(rotated.FindGrant(id))) << id;
  EXPECT_EQ(*harness().Ask({"HGET", GrantKey("1"), "change"}).String(), *change.String());
  EXPECT_LE(*harness().Ask({"PTTL", GrantKey("3")}).Integer(), *life.Integer());
  EXPECT_GT(*harness().Ask({"PTTL", GrantKey("3")}).Integer(), 0);
}

TEST_F(RedisStore, CountsWhatNoKeyOpensAndSealsTheRestAnew) {
  Created("good");
  Created("bad");
  harness().Ask({"HSET", GrantKey("bad"), "record", "garbage"});
  ManualClock clock;
  const grants::KeyRing both = RingOf({"2027", "2026"});
  RedisGrantStore rotating(runtime_, clock, both, harness().options());
  const auto page = Run(rotating.RewrapGrants(100, ""));
  ASSERT_OK(page);
  EXPECT_EQ(page->rewrapped, 1u);
  EXPECT_EQ(page->unreadable, 1u);
  EXPECT_EQ(*harness().Ask({"HGET", GrantKey("bad"), "record"}).String(), "garbage");
}

// Commits of every replica go on while records are sealed anew; none of them is undone.
TEST_F(RedisStore, SealsAnewBesideCommits) {
  constexpr int kCommits = 200;
  Grant grant = Created("grant");
  ManualClock clock;
  const grants::KeyRing old_first = RingOf({"2026", "2027"});
  RedisGrantStore committing(runtime_, clock, old_first, harness().options());
  const grants::KeyRing new_first = RingOf({"2027", "2026"});
  RedisGrantStore rotating(runtime_, clock, new_first, harness().options());
  std::atomic<bool> done = false;
  std::thread rewrapping([&] {
    while (!done) EXPECT_OK(RunBlocking(runtime_, rotating.RewrapGrants(10, "")));
  });
  for (int i = 0; i < kCommits; ++i) {
    EXPECT_OK(Run(committing.CommitGrant(NextGeneration(grant))));
    ++grant.generation;
  }
  done = true;
  rewrapping.join();
  const auto found = Run(committing.FindGrant("grant"));
  ASSERT_OK(found);
  EXPECT_EQ(found->generation, grant.generation);
}

TEST_F(RedisStore, SaysThatItsKeysAreNotThoseThatFilledRedis) {
  Created("grant");
  const grants::KeyRing wrong = RingOf({"other"});
  RedisGrantStore store(runtime_, system_clock_, wrong, harness().options());
  EXPECT_THAT(Run(store.Check()), FailsWith(Reason::kRecordUnreadable));
  EXPECT_THAT(Run(store.FindGrant("grant")), FailsWith(Reason::kRecordUnreadable));
  EXPECT_THAT(Run(store.CreateGrant(SampleGrant("new", Now()))),
              FailsWith(Reason::kRecordUnreadable));
}

TEST_F(RedisStore, LoadsItsScriptsAgainWhereRedisForgotThem) {
  const Grant created = Created("grant");
  harness().Ask({"SCRIPT", "FLUSH"});
  EXPECT_OK(Run(store().CommitGrant(NextGeneration(created))));
  EXPECT_EQ(Stored("grant").generation, 2u);
}

TEST_F(RedisStore, AddsToTheIndexWhatIsMissing) {
  const Grant created = Created("grant");
  for (const std::string& key : Keys("tb:index:*")) harness().Ask({"DEL", key});
  ASSERT_OK(Run(store().CommitGrant(NextGeneration(created))));
  const auto page = Run(store().ListGrants({.subject = created.id_token.subject}, 10, ""));
  ASSERT_OK(page);
  EXPECT_EQ(page->grants.size(), 1u);
}

TEST_F(RedisStore, FindsWhatIsDueWhereTheHintsAreLost) {
  Grant grant = SampleGrant("grant", Now());
  grant.next_refresh_at = Now() + absl::Minutes(2);
  Created(std::move(grant));
  EXPECT_THAT(Run(store().ClaimDue(Now(), 10, absl::Minutes(1))), IsOkAndHolds(IsEmpty()));
  harness().Ask({"DEL", "tb:due"});
  Elapse(absl::Minutes(2));
  EXPECT_THAT(Run(store().ClaimDue(Now(), 10, absl::Minutes(1))),
              IsOkAndHolds(::testing::ElementsAre("grant")));
}

TEST_F(RedisStore, FindsEntriesThatWereTakenFromTheSchedule) {
  Grant grant = SampleGrant("grant", Now());
  grant.next_refresh_at = Now() + absl::Minutes(2);
  Created(std::move(grant));
  const int slice = storage::ShardOf("grant");
  const std::string due = "tb:due:{" + std::to_string(slice) + "}";
  EXPECT_THAT(Run(store().LookOver(slice, "", 10))->unscheduled, IsEmpty());
  harness().Ask({"ZREM", due, "grant"});
  EXPECT_THAT(Run(store().LookOver(slice, "", 10))->unscheduled, ::testing::ElementsAre("grant"));
}

TEST_F(RedisStore, ForgetsIdsWhoseGrantsAreGone) {
  const int slice = storage::ShardOf("gone");
  const std::string number = std::to_string(slice);
  harness().Ask({"ZADD", "tb:used:{" + number + "}", "1", "gone"});
  harness().Ask({"ZADD", "tb:due:{" + number + "}", "1", "gone"});
  const auto found = Run(store().LookOver(slice, "", 10));
  ASSERT_OK(found);
  EXPECT_THAT(found->gone, ::testing::ElementsAre("gone"));
  EXPECT_THAT(Run(store().ForgetGone(slice, found->gone)), IsOkAndHolds(1u));
  EXPECT_THAT(Run(store().LookOver(slice, "", 10))->gone, IsEmpty());
  EXPECT_THAT(Keys("tb:due:*"), IsEmpty());
}

TEST_F(RedisStore, WalksALargeSliceInSmallSteps) {
  const int slice = storage::ShardOf("first");
  constexpr int kIds = 1000;  // more than Redis keeps in a compact form
  std::vector<std::string> words = {"ZADD", "tb:used:{" + std::to_string(slice) + "}"};
  for (int i = 0; i < kIds; ++i) {
    words.push_back("1");
    words.push_back("gone-" + std::to_string(i));
  }
  harness().Ask(std::move(words));
  std::set<std::string> seen;
  std::string from;
  int steps = 0;
  do {
    const auto found = Run(store().LookOver(slice, from, 50));
    ASSERT_OK(found);
    EXPECT_LE(found->grants, 200u);
    seen.insert(found->gone.begin(), found->gone.end());
    from = found->next;
  } while (!from.empty() && ++steps < kIds);
  EXPECT_EQ(seen.size(), static_cast<std::size_t>(kIds));
  EXPECT_GT(steps, 4);
}

TEST_F(RedisStore, ClaimsABacklogInBoundedSlices) {
  for (int i = 0; i < 300; ++i) {
    Grant grant = SampleGrant("grant-" + std::to_string(i), Now());
    grant.next_refresh_at = Now();
    Created(std::move(grant));
  }
  std::size_t claimed = 0;
  for (int i = 0; i < 30 && claimed < 300; ++i) {
    const auto slice = Run(store().ClaimDue(Now(), 16, absl::Minutes(1)));
    ASSERT_OK(slice);
    EXPECT_LE(slice->size(), 16u);
    claimed += slice->size();
  }
  EXPECT_EQ(claimed, 300u);
}

TEST_F(RedisStore, ChangesNothingTwiceWhenAnswersAreLost) {
  // Makes a call until Redis is there to answer it.
  const auto insist = [](auto call) {
    auto result = call();
    while (HasReason(StatusOf(result), Reason::kStoreUnavailable)) result = call();
    EXPECT_OK(result);
    return result;
  };
  // The same, while every connection is being cut.
  const auto insist_while_cut = [&](auto call) {
    std::thread cutter(
        [this] { harness().Ask({"CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes"}); });
    auto result = call();
    cutter.join();
    if (HasReason(StatusOf(result), Reason::kStoreUnavailable)) result = insist(call);
  };
  const auto generation = [&] {
    return insist([this] { return Run(store().FindGrant("grant")); })->generation;
  };
  Grant grant = Created("grant");
  for (int i = 0; i < 30; ++i) {
    insist_while_cut([&] { return Run(store().CommitGrant(NextGeneration(grant))); });
    ++grant.generation;
    EXPECT_EQ(generation(), grant.generation);
  }
  for (int i = 0; i < 10; ++i) {
    const std::string id = "grant-" + std::to_string(i);
    const auto acquire = [&] { return Run(store().AcquireLease(id, "holder", absl::Hours(1))); };
    insist_while_cut([&] { return Run(store().CreateGrant(SampleGrant(id, Now()))); });
    insist_while_cut(acquire);
    EXPECT_EQ(insist(acquire)->fence, 1u);
  }
}

// Every method, as a status.
std::vector<std::pair<std::string, absl::Status>> CallEverything(Runtime& runtime,
                                                                 grants::GrantStore& store,
                                                                 const Grant& grant) {
  const auto run = [&](auto task) { return StatusOf(RunBlocking(runtime, std::move(task))); };
  const auto state = [] { return Secret("state"); };
  const absl::Time now = grant.created_at;
  GrantCommit commit;
  commit.grant = grant.Copy();
  commit.expected_generation = commit.grant.generation;
  const grants::Lease lease{.grant_id = grant.id, .holder = "holder", .fence = 1};
  std::vector<std::pair<std::string, absl::Status>> results;
  results.emplace_back("PutAuthorization",
                       run(store.PutAuthorization(state(), SampleAuthorization(now))));
  results.emplace_back("FindAuthorization", run(store.FindAuthorization(state())));
  results.emplace_back("ClaimAuthorization", run(store.ClaimAuthorization(state(), "digest")));
  results.emplace_back("FinishAuthorization",
                       run(store.FinishAuthorization(state(), SampleOutcome(grant.id))));
  results.emplace_back("SpendAuthorization", run(store.SpendAuthorization(state())));
  results.emplace_back("CountAuthorizations", run(store.CountAuthorizations("caller")));
  results.emplace_back("CreateGrant", run(store.CreateGrant(grant.Copy())));
  results.emplace_back("FindGrant", run(store.FindGrant(grant.id)));
  results.emplace_back("CommitGrant", run(store.CommitGrant(std::move(commit))));
  results.emplace_back(
      "EndGrant", run(store.EndGrant(grant.id, GrantState::kRevoked, "revoked", absl::Hours(1))));
  results.emplace_back("TouchGrant", run(store.TouchGrant(grant.id, now)));
  results.emplace_back("ListGrants", run(store.ListGrants({.caller = grant.caller}, 10, "")));
  results.emplace_back("ListGrants of all", run(store.ListGrants({}, 10, "")));
  results.emplace_back("AcquireLease",
                       run(store.AcquireLease(grant.id, "holder", absl::Seconds(5))));
  results.emplace_back("RenewLease", run(store.RenewLease(lease, absl::Seconds(5))));
  results.emplace_back("ReleaseLease", run(store.ReleaseLease(lease)));
  results.emplace_back("ClaimDue", run(store.ClaimDue(now, 10, absl::Minutes(1))));
  results.emplace_back("PutBack", run(store.PutBack(grant.id, now, now)));
  results.emplace_back("Schedule", run(store.Schedule(grant.id, now)));
  results.emplace_back("NextDue", run(store.NextDue()));
  results.emplace_back("SummarizeSchedule", run(store.SummarizeSchedule(now)));
  results.emplace_back("ClaimSlice", run(store.ClaimSlice(now, absl::Hours(1))));
  results.emplace_back("LookOver", run(store.LookOver(1, "", 10)));
  results.emplace_back("ForgetGone", run(store.ForgetGone(1, {grant.id})));
  results.emplace_back("RewrapGrants", run(store.RewrapGrants(10, "")));
  results.emplace_back("Check", run(store.Check()));
  return results;
}

TEST_F(RedisStore, SaysThatItIsAwayAndNeverThatNothingIsThere) {
  const Grant created = Created("grant");
  harness().server().Kill();
  for (const auto& [method, status] : CallEverything(runtime_, store(), created)) {
    EXPECT_THAT(status, FailsWith(Reason::kStoreUnavailable)) << method;
    EXPECT_TRUE(RetryAfterOf(status).has_value()) << method;
  }
  harness().server().Start();
}

TEST_F(RedisStore, SaysThatAClusterIsAway) {
  const Grant created = Created("grant");
  storage::RedisStoreOptions options = harness().options();
  // A server that is no cluster answers, and says so.
  options.cluster =
      RedisClusterOptions{.seeds = {{.host = "127.0.0.1", .port = harness().server().port()}}};
  const grants::KeyRing ring = RingOf({"2026"});
  RedisGrantStore store(runtime_, system_clock_, ring, options);
  for (const auto& [method, status] : CallEverything(runtime_, store, created)) {
    EXPECT_THAT(status, FailsWith(Reason::kStoreUnavailable)) << method;
    EXPECT_TRUE(RetryAfterOf(status).has_value()) << method;
  }
}

TEST_F(RedisStore, StartsNoRefreshWhereRedisHasTooFewReplicas) {
  const Grant created = Created("grant");
  Created("free");
  const grants::Lease lease = Leased("grant", "holder");
  harness().Ask({"CONFIG", "SET", "min-replicas-to-write", "1"});
  GrantCommit commit = NextGeneration(created);
  commit.lease = lease;
  const absl::Status refused = Run(store().CommitGrant(std::move(commit)));
  EXPECT_THAT(refused, FailsWith(Reason::kStoreUnavailable));
  EXPECT_EQ(MetadataOf(refused)["redis_error"], "NOREPLICAS");
  EXPECT_THAT(Run(store().AcquireLease("free", "holder", absl::Minutes(1))),
              FailsWith(Reason::kStoreUnavailable));
  harness().Ask({"CONFIG", "SET", "min-replicas-to-write", "0"});
  EXPECT_EQ(Stored("grant").generation, 1u);
}

// R3: what no replica has may be gone in a moment, so it is not stored, however often it is asked
// and whichever connection asks.
TEST_F(RedisStore, CountsNoChangeAsMadeBeforeAReplicaHasIt) {
  RedisServer primary({.arguments = {"--repl-diskless-sync-delay", "0"}});
  storage::RedisStoreOptions options{
      .redis = RedisHarness::PatientOptions(primary),
      .connections = 1,
      .key_prefix = "tb",
      .replication = {.wait_replicas = 1, .wait_timeout = absl::Milliseconds(5)}};
  const grants::KeyRing ring = RingOf({"2026"});
  RedisGrantStore first(runtime_, system_clock_, ring, options);
  RedisGrantStore second(runtime_, system_clock_, ring, options);
  const absl::Time now = system_clock_.Now();
  const auto fails = [](const absl::Status& status) {
    EXPECT_THAT(status, FailsWith(Reason::kStoreUnavailable));
    EXPECT_EQ(MetadataOf(status)["cause"], "too_few_replicas");
  };
  const auto everything = [&](RedisGrantStore& store) {
    std::vector<absl::Status> all;
    all.push_back(Run(store.CreateGrant(SampleGrant("new", now))));
    (void)Run(store.CreateGrant(SampleGrant("grant", now)));
    Grant next = SampleGrant("grant", now);
    next.generation = 2;
    all.push_back(Run(store.CommitGrant({.grant = std::move(next), .expected_generation = 1})));
    (void)Run(store.CreateGrant(SampleGrant("ending", now)));
    all.push_back(
        Run(store.EndGrant("ending", GrantState::kRevoked, "logout", absl::Hours(1))).status());
    return all;
  };
  for (const absl::Status& status : everything(first)) fails(status);
  // They are there, and still do not count for a replica of the broker that has written nothing
  // yet.
  for (const absl::Status& status : everything(second)) fails(status);
  RedisServer replica({.arguments = {"--replicaof", "127.0.0.1", std::to_string(primary.port())}});
  const absl::Time end = absl::Now() + absl::Minutes(1);
  std::vector<absl::Status> all = everything(second);
  while (!all.back().ok() && absl::Now() < end) all = everything(second);
  all = everything(first);
  EXPECT_THAT(all[0], IsOk());
  EXPECT_THAT(all[1], IsOk());
  EXPECT_THAT(all[2], IsOk());
  ASSERT_OK_AND_ASSIGN(const Grant there, Run(first.FindGrant("grant")));
  EXPECT_EQ(there.generation, 2u);
}

TEST_F(RedisStore, RefusesACallThatAClusterCouldNotMake) {
  static constexpr storage::Script kScript{"return {'ok'}", "1a"};
  storage::RedisCalls calls(
      std::make_unique<SingleRedis>(
          runtime_, system_clock_,
          RedisPoolOptions{.redis = RedisHarness::PatientOptions(harness().server())},
          std::nullopt),
      absl::Seconds(1));
  const auto run = [&](std::vector<std::string> keys) {
    return Run(calls.Run(0, kScript, std::move(keys), {})).status();
  };
  EXPECT_OK(run({"tb:grant:{7}:a", "tb:lease:{7}:b"}));
  const absl::Status refused = run({"tb:grant:{7}:a", "tb:grant:{8}:b"});
  EXPECT_THAT(refused, FailsWith(Reason::kInternal));
  EXPECT_EQ(MetadataOf(refused)["check"], "cross_slot");
}

TEST_F(RedisStore, WarnsOfSettingsThatRiskWhatIsStored) {
  EXPECT_THAT(Run(harness().redis_store().CheckSettings()),
              IsOkAndHolds(ElementsAre(StartsWith("nothing is written to disk"))));
  harness().Ask({"CONFIG", "SET", "maxmemory-policy", "allkeys-lru"});
  EXPECT_THAT(Run(harness().redis_store().CheckSettings()),
              IsOkAndHolds(ElementsAre(StartsWith("maxmemory-policy is allkeys-lru"),
                                       StartsWith("nothing is written to disk"))));
  // A user who may not read the settings sees what INFO tells.
  harness().Ask({"ACL", "SETUSER", "limited", "on", "nopass", "~*", "&*", "+@all", "-config"});
  storage::RedisStoreOptions options = harness().options();
  auto limited = std::make_shared<RedisOptions>(*options.redis);
  limited->login = []() -> absl::StatusOr<RedisLogin> {
    return RedisLogin{.username = "limited", .password = Secret("any")};
  };
  options.redis = limited;
  const grants::KeyRing ring = RingOf({"2026"});
  RedisGrantStore store(runtime_, system_clock_, ring, options);
  EXPECT_THAT(Run(store.CheckSettings()),
              IsOkAndHolds(ElementsAre(StartsWith("maxmemory-policy is allkeys-lru"),
                                       StartsWith("appendonly is no"))));
  harness().Ask({"CONFIG", "SET", "maxmemory-policy", "noeviction"});
  harness().Ask({"ACL", "DELUSER", "limited"});
  EXPECT_THAT(storage::WarningsOf({.eviction = "noeviction", .append_only = true}), IsEmpty());
  EXPECT_THAT(storage::WarningsOf({}), IsEmpty());
}

TEST_F(RedisStore, ComesUpWithoutRedisAndServesWhenItComesBack) {
  harness().server().Kill();
  storage::RedisStoreOptions options = harness().options();
  const grants::KeyRing ring = RingOf({"2026"});
  RedisGrantStore early(runtime_, system_clock_, ring, options);
  EXPECT_THAT(Run(early.Check()), FailsWith(Reason::kStoreUnavailable));
  RecordingObserver early_observer;
  early.Observe(&early_observer);
  harness().server().Start();
  EXPECT_TRUE(early_observer.WaitUntilSeen());
}

TEST_F(RedisStore, TellsTheObserverWhenChangesAreLostAndSeenAgain) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  const int losses = observer().losses();
  harness().server().Kill();
  EXPECT_TRUE(observer().WaitForLossAfter(losses));
  EXPECT_EQ(store().ChangesSeenSince("grant"), std::nullopt);
  harness().clock().Advance(absl::Minutes(1));
  harness().server().Start();
  EXPECT_TRUE(observer().WaitUntilSeen());
  EXPECT_EQ(store().ChangesSeenSince("grant"), Now());
}

TEST_F(RedisStore, TellsTheObserverThatEverythingWasFlushed) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  Created("grant");
  const int losses = observer().losses();
  harness().Ask({"FLUSHALL"});
  EXPECT_TRUE(observer().WaitForLossAfter(losses));
  // New names for what is new: the key of the old ones went with the rest.
  Created("another");
  EXPECT_EQ(Keys("tb:index-key").size(), 1u);
}

TEST_F(RedisStore, TellsTheObserverNothingOfLookingAndTouching) {
  ASSERT_TRUE(observer().WaitUntilSeen());
  Created("quiet");
  const Grant created = Created("grant");
  // The last thing that the other replica does: when it is told of, all before has been.
  const auto settle = [&](std::uint64_t generation) {
    Grant current = created.Copy();
    current.generation = generation;
    const int before = observer().changes("grant");
    ASSERT_OK(Run(other_replica().CommitGrant(NextGeneration(current))));
    ASSERT_TRUE(observer().WaitForChangeAfter(before, "grant"));
  };
  settle(1);
  const int before = observer().changes("quiet");
  ASSERT_OK(Run(other_replica().FindGrant("quiet")));
  ASSERT_OK(Run(other_replica().TouchGrant("quiet", Now())));
  settle(2);
  EXPECT_EQ(observer().changes("quiet"), before);
}

}  // namespace
}  // namespace tokenbroker::testing
