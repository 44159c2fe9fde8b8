#include "broker/token_watch.h"

#include <atomic>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "base/mutex.h"
#include "broker/broker_fixture.h"
#include "broker/faulty_grant_store.h"
#include "broker/pause.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using testing::IsOk;
using ::testing::Le;
using ::testing::SizeIs;

// What one who watches has seen, in order.
class Seen {
 public:
  void Add(std::string token) {
    const MutexLock lock(mutex_);
    tokens_.push_back(std::move(token));
  }
  void End(absl::Status status) {
    const MutexLock lock(mutex_);
    end_ = std::move(status);
  }
  void LetGo() {
    const MutexLock lock(mutex_);
    held_ = false;
  }
  void Hold() {
    const MutexLock lock(mutex_);
    held_ = true;
  }
  // Whether it may wait for another token now.
  bool MayGoOn() {
    const MutexLock lock(mutex_);
    if (!held_) ++waits_;
    return !held_;
  }

  std::vector<std::string> First(std::size_t count) {
    (void)Await([&] {
      const MutexLock lock(mutex_);
      return tokens_.size() >= count;
    });
    const MutexLock lock(mutex_);
    return tokens_;
  }
  // Until it has gone on to wait `count` times.
  bool HasWaited(int count) {
    return Await([&] {
      const MutexLock lock(mutex_);
      return waits_ >= count;
    });
  }
  absl::Status end() {
    (void)Await([&] {
      const MutexLock lock(mutex_);
      return end_.has_value();
    });
    const MutexLock lock(mutex_);
    return end_.value_or(absl::UnknownError("it has not ended"));
  }

  // From now on policy has another in the asker's place.
  void Replace(const Asker& asker) { asker_ = &asker; }
  const Asker* asker() const { return asker_; }

 private:
  // For as long as a machine under load may need.
  template <typename Condition>
  static bool Await(Condition holds) {
    const absl::Time end = absl::Now() + absl::Seconds(20);
    while (!holds()) {
      if (absl::Now() > end) return false;
      absl::SleepFor(absl::Milliseconds(1));
    }
    return true;
  }

  std::atomic<const Asker*> asker_ = nullptr;
  Mutex mutex_;
  std::vector<std::string> tokens_ ABSL_GUARDED_BY(mutex_);
  std::optional<absl::Status> end_ ABSL_GUARDED_BY(mutex_);
  bool held_ ABSL_GUARDED_BY(mutex_) = false;
  int waits_ ABSL_GUARDED_BY(mutex_) = 0;
};

Task<const Asker*> Admit(const Asker& asker) { co_return &asker; }

asio::awaitable<void> Follow(Broker& broker, const Asker& asker, AccessTokenQuery query,
                             absl::Time deadline, std::shared_ptr<Seen> seen) {
  auto watch = co_await broker.WatchAccessToken(asker, std::move(query), deadline);
  if (!watch.ok()) {
    seen->End(watch.status());
    co_return;
  }
  const TokenWatch::Admission admission = [&asker, seen] {
    const Asker* const replaced = seen->asker();
    return Admit(replaced == nullptr ? asker : *replaced);
  };
  while (true) {
    while (!seen->MayGoOn()) co_await Pause(absl::Milliseconds(1));
    auto token = co_await (*watch)->Next(admission);
    if (!token.ok()) {
      watch->reset();
      seen->End(token.status());
      co_return;
    }
    seen->Add(std::string((*token)->value.Reveal()));
  }
}

asio::awaitable<bool> Pausing() {
  co_await Pause(absl::Milliseconds(2));
  co_return true;
}

class TokenWatching : public BrokerTest {
 protected:
  TokenWatching() : TokenWatching(std::make_unique<storage::MemoryGrantStore>(clock_)) {}
  // Before the store inside goes.
  ~TokenWatching() override { runtime_.Stop(); }

  std::shared_ptr<Seen> Watch(const std::string& grant_id) {
    return Watch(asker_, AccessTokenQuery{.selector = ByGrantId{grant_id}});
  }
  std::shared_ptr<Seen> Watch(const Asker& asker, AccessTokenQuery query) {
    auto seen = std::make_shared<Seen>();
    task_ = runtime_.Spawn(Follow(*broker_, asker, std::move(query), InTime(), seen));
    return seen;
  }
  // The one that was begun last.
  void HangUp() { task_->Cancel(); }

  // Puts another token into the grant, as a replica would.
  void Replace(const std::string& grant_id, const std::string& token) {
    auto grant = Run(inner_->FindGrant(grant_id));
    ASSERT_THAT(grant, IsOk());
    grants::GrantCommit commit{.grant = grant->Copy(), .expected_generation = grant->generation};
    commit.grant.generation += 1;
    grants::AccessToken& held = commit.grant.access_tokens.at(grants::TokenSelector{});
    held.value = Secret(token);
    held.obtained_at = clock_.Now();
    held.expires_at = clock_.Now() + absl::Hours(1);
    ASSERT_THAT(Run(inner_->CommitGrant(std::move(commit))), IsOk());
  }
  grants::Grant Stored(const std::string& grant_id) {
    auto grant = Run(inner_->FindGrant(grant_id));
    EXPECT_THAT(grant, IsOk());
    return *std::move(grant);
  }
  // Time that passes wakes nobody here: those who would be by now.
  void Advance(absl::Duration duration, const std::string& place) {
    clock_.Advance(duration);
    changes_.TellListeners(place);
  }

  std::unique_ptr<grants::GrantStore> inner_;
  FaultyGrantStore* faulty_ = nullptr;
  std::optional<SpawnedTask> task_;

 private:
  explicit TokenWatching(std::unique_ptr<grants::GrantStore> inner)
      : BrokerTest(std::make_unique<FaultyGrantStore>(*inner),
                   [](Client& client) { client.allows_client_credentials = true; }),
        inner_(std::move(inner)) {
    faulty_ = static_cast<FaultyGrantStore*>(store_.get());
  }
};

TEST_F(TokenWatching, GivesTheTokenThatThereIsAndEachThatReplacesIt) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), ElementsAre("AT1"));
  Replace(grant.id, "AT2");
  EXPECT_THAT(seen->First(2), ElementsAre("AT1", "AT2"));
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id, {.rejected_access_token = Secret("AT2")})), "AT3");
  EXPECT_THAT(seen->First(3), ElementsAre("AT1", "AT2", "AT3"));
}

TEST_F(TokenWatching, IsRefusedAsAQuestionForTheTokenIs) {
  const auto grant = SignIn();
  const Asker stranger{.name = "stranger"};
  const Asker narrow{.name = "backend", .scopes = oauth::Scopes{"orders:read"}};
  const auto of_grant = [&] { return AccessTokenQuery{.selector = ByGrantId{grant.id}}; };
  EXPECT_THAT(Watch(stranger, of_grant())->end(), FailsWith(Reason::kGrantUnknown));
  EXPECT_THAT(Watch(narrow, of_grant())->end(), FailsWith(Reason::kScopeNotAllowed));
  EXPECT_THAT(Watch("no-such-grant")->end(), FailsWith(Reason::kGrantUnknown));
  AccessTokenQuery beyond = of_grant();
  beyond.scopes = {"admin"};
  EXPECT_THAT(Watch(asker_, std::move(beyond))->end(), FailsWith(Reason::kScopeNotAllowed));
  ASSERT_THAT(Run(broker_->RevokeGrant(asker_, grant.id, InTime())), IsOk());
  EXPECT_THAT(Watch(grant.id)->end(), FailsWith(Reason::kReauthorizationRequired));
}

TEST_F(TokenWatching, GivesNothingMoreToWhomPolicyHasTakenTheRight) {
  const auto grant = SignIn();
  const Asker narrow{.name = asker_.name, .scopes = oauth::Scopes{"orders:read"}};
  const Asker elsewhere{.name = asker_.name, .clients = std::set<std::string, std::less<>>{}};
  const Asker another{.name = "another"};
  const struct {
    const Asker& asker;
    Reason reason;
  } tests[] = {{narrow, Reason::kScopeNotAllowed},
               {elsewhere, Reason::kGrantUnknown},
               {another, Reason::kGrantUnknown}};
  int number = 0;
  for (const auto& test : tests) {
    const auto seen = Watch(grant.id);
    EXPECT_THAT(seen->First(1), SizeIs(1));
    seen->Replace(test.asker);
    Replace(grant.id, absl::StrCat("AT-", ++number));
    EXPECT_THAT(seen->end(), FailsWith(test.reason));
    EXPECT_THAT(seen->First(1), SizeIs(1)) << "the new token is not among them";
  }
}

TEST_F(TokenWatching, GivesTheSlowTheNewestAlone) {
  const auto grant = SignIn();
  const auto slow = Watch(grant.id);
  EXPECT_THAT(slow->First(1), SizeIs(1));
  const auto quick = Watch(grant.id);
  EXPECT_THAT(quick->First(1), SizeIs(1));
  ASSERT_TRUE(slow->HasWaited(2));
  slow->Hold();
  // It is past its gate and waits: this one it may still have.
  Replace(grant.id, "AT2");
  EXPECT_THAT(quick->First(2), SizeIs(2));
  EXPECT_THAT(slow->First(2), SizeIs(2));
  Replace(grant.id, "AT3");
  EXPECT_THAT(quick->First(3), SizeIs(3));
  Replace(grant.id, "AT4");
  EXPECT_THAT(quick->First(4), ElementsAre("AT1", "AT2", "AT3", "AT4"));
  slow->LetGo();
  EXPECT_THAT(slow->First(3), ElementsAre("AT1", "AT2", "AT4"));
}

TEST_F(TokenWatching, EndsWithTheGrantAndSaysWhy) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  ASSERT_THAT(Run(broker_->RevokeGrant(asker_, grant.id, InTime())), IsOk());
  const absl::Status end = seen->end();
  EXPECT_THAT(end, FailsWith(Reason::kReauthorizationRequired));
  EXPECT_EQ(MetadataOf(end)["because"], "revoked");
}

TEST_F(TokenWatching, EndsWhereTheProviderSaysThatTheGrantHas) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  provider_->Answer(Fails(Error(Reason::kReauthorizationRequired, {{"delivery", "answered"}})));
  EXPECT_THAT(Get(grant.id, {.rejected_access_token = Secret("AT1")}),
              FailsWith(Reason::kReauthorizationRequired));
  const absl::Status end = seen->end();
  EXPECT_THAT(end, FailsWith(Reason::kReauthorizationRequired));
  EXPECT_EQ(MetadataOf(end)["because"], "invalid_grant");
}

TEST_F(TokenWatching, EndsWhenTheGrantHasReachedItsEnd) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  // The feed knows the end once it has read the grant: when it has passed this one on.
  Replace(grant.id, "AT2");
  EXPECT_THAT(seen->First(2), SizeIs(2));
  Advance(absl::Hours(24 * 366), grant.id);
  const absl::Status end = seen->end();
  EXPECT_THAT(end, FailsWith(Reason::kReauthorizationRequired));
  EXPECT_EQ(MetadataOf(end)["because"], "expired");
}

TEST_F(TokenWatching, EndsWithTheLastTokenWhereThereIsNoRefreshToken) {
  const auto grant = SignIn({.access_token = "AT1"});
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  Advance(absl::Hours(1), grant.id);
  const absl::Status end = seen->end();
  EXPECT_THAT(end, FailsWith(Reason::kReauthorizationRequired));
  EXPECT_EQ(MetadataOf(end)["because"], "no_refresh_token");
}

TEST_F(TokenWatching, ReadsTheGrantOnceForAllWhoWatchIt) {
  const auto grant = SignIn();
  std::vector<std::shared_ptr<Seen>> all;
  for (int i = 0; i < 200; ++i) all.push_back(Watch(grant.id));
  for (const auto& seen : all) EXPECT_THAT(seen->First(1), SizeIs(1));
  // The feed's own first reading is over when it has passed this one on.
  Replace(grant.id, "AT2");
  for (const auto& seen : all) EXPECT_THAT(seen->First(2), SizeIs(2));
  faulty_->FailCalls(0, 0, FaultyGrantStore::Fault::kRefused);
  Replace(grant.id, "AT3");
  for (const auto& seen : all) EXPECT_THAT(seen->First(3), ElementsAre("AT1", "AT2", "AT3"));
  // One for the change, and one more where the news came twice.
  EXPECT_THAT(faulty_->calls(), Le(2));
}

TEST_F(TokenWatching, OutlivesAnOutageOfTheStoreAndMissesNothing) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  faulty_->FailCalls(1, 1'000'000, FaultyGrantStore::Fault::kRefused);
  changes_.OnChangesLost();
  // Another replica can still write, and nobody tells of it.
  store_->Observe(nullptr);
  Replace(grant.id, "AT2");
  store_->Observe(&changes_);
  changes_.TellListeners(grant.id);
  faulty_->FailCalls(0, 0, FaultyGrantStore::Fault::kRefused);
  changes_.OnChangesSeenAgain();
  EXPECT_THAT(seen->First(2), ElementsAre("AT1", "AT2"));
}

// A failover may lose a commit: what is there then is the token, whatever its generation.
TEST_F(TokenWatching, FollowsAStoreThatHasGoneBack) {
  const auto grant = SignIn();
  const grants::Grant before = Stored(grant.id);
  Replace(grant.id, "AT2");
  Replace(grant.id, "AT3");
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), ElementsAre("AT3"));
  // The very same grant in an older state.
  storage::MemoryGrantStore failed_over(clock_);
  ASSERT_THAT(Run(failed_over.CreateGrant(before.Copy())), IsOk());
  faulty_->Redirect(failed_over);
  changes_.OnChangesLost();
  changes_.OnChangesSeenAgain();
  EXPECT_THAT(seen->First(2), ElementsAre("AT3", "AT1"));
  faulty_->Redirect(*inner_);
}

TEST_F(TokenWatching, RenewsAheadOfTimeWithoutAScheduler) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), ElementsAre("AT1"));
  Advance(absl::Minutes(58), grant.id);
  EXPECT_THAT(seen->First(2), ElementsAre("AT1", "AT2"));
}

TEST_F(TokenWatching, RenewsWhatRanOutWhileTheProviderWasAway) {
  const auto grant = SignIn();
  provider_->Answer(Fails(Error(Reason::kProviderUnavailable, {{"delivery", "not_sent"}})));
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), ElementsAre("AT1"));
  Advance(absl::Hours(2), grant.id);
  while (provider_->sent().size() < 2) Run(Pausing());
  // Until the failure has been taken in, time that passes counts before it.
  while (seen->First(1).size() < 2) {
    Advance(absl::Minutes(2), grant.id);
    Run(Pausing());
  }
  EXPECT_THAT(seen->First(2), ElementsAre("AT1", "AT2"));
}

TEST_F(TokenWatching, CountsAsUseOfTheGrant) {
  const auto grant = SignIn();
  const absl::Time before = Stored(grant.id).last_used_at;
  clock_.Advance(absl::Minutes(30));
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  Replace(grant.id, "AT2");
  EXPECT_THAT(seen->First(2), SizeIs(2));
  EXPECT_EQ(Stored(grant.id).last_used_at, before + absl::Minutes(30));
  Advance(absl::Minutes(11), grant.id);
  while (Stored(grant.id).last_used_at < before + absl::Minutes(41)) Run(Pausing());
}

TEST_F(TokenWatching, LeavesNothingBehind) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  HangUp();
  EXPECT_THAT(seen->end(), FailsWith(Reason::kCancelled));
  // The feed ends when it next wakes; from then on nobody reads the grant.
  int reads = 1;
  for (int i = 0; i < 2000 && reads > 0; ++i) {
    faulty_->FailCalls(0, 0, FaultyGrantStore::Fault::kRefused);
    changes_.OnGrantChanged(grant.id);
    Run(Pausing());
    reads = faulty_->calls();
  }
  EXPECT_EQ(reads, 0);
  // A new one begins anew.
  Replace(grant.id, "AT2");
  EXPECT_THAT(Watch(grant.id)->First(1), ElementsAre("AT2"));
}

TEST_F(TokenWatching, OfASubjectIsOfItsNewestGrant) {
  (void)SignIn();
  clock_.Advance(absl::Seconds(1));
  const auto newer = SignIn({.access_token = "AT2", .refresh_token = "RT2"});
  AccessTokenQuery query{.selector = BySubject{.client = "shop", .subject = "alice"}};
  const auto seen = Watch(asker_, std::move(query));
  EXPECT_THAT(seen->First(1), ElementsAre("AT2"));
  Replace(newer.id, "AT3");
  EXPECT_THAT(seen->First(2), ElementsAre("AT2", "AT3"));
}

TEST_F(TokenWatching, RenewsTokensOfTheClientItself) {
  provider_->Answer(Issues({.access_token = "own1"}));
  provider_->Answer(Issues({.access_token = "own2"}));
  provider_->Answer(Issues({.access_token = "own3"}));
  const AccessTokenQuery query{.selector = ByClientCredentials{"shop"}};
  const auto seen = Watch(asker_, {.selector = query.selector});
  EXPECT_THAT(seen->First(1), ElementsAre("own1"));
  Advance(absl::Minutes(58), CredentialsPlace("shop"));
  EXPECT_THAT(seen->First(2), ElementsAre("own1", "own2"));
  // A caller for whom it was refused has it replaced: those who watch want to know.
  AccessTokenQuery refused{.selector = query.selector, .rejected_access_token = Secret("own2")};
  ASSERT_THAT(Run(broker_->GetAccessToken(asker_, std::move(refused), InTime())), IsOk());
  EXPECT_THAT(seen->First(3), ElementsAre("own1", "own2", "own3"));
}

TEST_F(TokenWatching, MayOutliveTheBroker) {
  const auto grant = SignIn();
  const auto seen = Watch(grant.id);
  EXPECT_THAT(seen->First(1), SizeIs(1));
  broker_.reset();
  changes_.OnGrantChanged(grant.id);
  HangUp();
  EXPECT_THAT(seen->end(), FailsWith(Reason::kCancelled));
}

}  // namespace
}  // namespace tokenbroker::broker
