#include "broker/scheduler.h"

#include <atomic>
#include <map>

#include "broker/broker_fixture.h"
#include "broker/faulty_grant_store.h"
#include "broker/lifetime.h"
#include "broker/pause.h"
#include "broker/reconciler.h"

namespace tokenbroker::broker {
namespace {

using ::testing::ElementsAre;
using testing::FailsWith;
using ::testing::IsEmpty;
using testing::IsOk;
using ::testing::SizeIs;

class NoLog final : public telemetry::LineSink {
 public:
  void Write(std::string_view) override {}
};

// Until the other threads have come so far. Time only passes for them: nothing is measured.
template <typename Condition>
void Await(Condition condition) {
  while (!condition()) absl::SleepFor(absl::Milliseconds(1));
}

class Scheduling : public BrokerTest {
 protected:
  Scheduling() : Scheduling(std::make_unique<storage::MemoryGrantStore>(clock_)) {
    options_.slow_start = absl::ZeroDuration();
    MakeScheduler();
  }

  void MakeScheduler() {
    reaper_ = std::make_unique<Reaper>(*clients_, *store_, clock_, runtime_, log_, reaper_options_);
    scheduler_ = std::make_unique<Scheduler>(*clients_, *store_, clock_, runtime_,
                                             broker_->refresh(), *reaper_, options_);
  }

  // With other rules for its grants.
  void UseRules(const std::function<void(Client&)>& adjust) {
    Client client = MakeClient(provider_);
    adjust(client);
    UseClient(std::move(client));
    MakeScheduler();
  }

  // Claims once and waits until all that is in hand is done.
  void Round() {
    EXPECT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
    Settle();
  }
  void Settle() {
    Await([&] { return scheduler_->state().in_hand == 0; });
  }

  int Refreshes() const {
    int refreshes = 0;
    for (const std::string& sent : provider_->sent()) refreshes += sent.starts_with("refresh");
    return refreshes;
  }
  grants::Grant Stored(const std::string& id) {
    auto grant = Run(store_->FindGrant(id));
    EXPECT_THAT(grant, IsOk());
    return *std::move(grant);
  }
  absl::Time NextDue() {
    const auto next = Run(store_->NextDue());
    EXPECT_THAT(next, IsOk());
    return *next;
  }
  static absl::Status Answered(Reason reason) { return Error(reason, {{"delivery", "answered"}}); }

  // A grant of `client`, made now, without a sign-in.
  grants::Grant Make(const std::string& id, const std::string& client = "shop") {
    grants::Grant grant;
    grant.id = id;
    grant.caller = asker_.name;
    grant.client = client;
    grant.provider = client;
    grant.id_token.subject = "alice";
    grant.scopes = {"openid"};
    grant.created_at = clock_.Now();
    grant.last_used_at = clock_.Now();
    grant.refresh_token = Secret("RT of " + id);
    grants::AccessToken token;
    token.value = Secret("AT of " + id);
    token.token_type = "Bearer";
    token.obtained_at = clock_.Now();
    token.expires_at = clock_.Now() + absl::Hours(1);
    grant.access_tokens.emplace(grants::TokenSelector{}, std::move(token));
    grant.next_refresh_at = NextRefresh(grant, clients_->FindAny("shop")->refresh);
    EXPECT_THAT(Run(store_->CreateGrant(grant.Copy())), IsOk());
    return Stored(id);
  }

  SchedulerOptions options_;
  ReaperOptions reaper_options_;
  NoLog lines_;
  telemetry::Log log_{lines_, clock_, telemetry::Level::kError, telemetry::Format::kText};
  FaultyGrantStore* faulty_ = nullptr;
  std::unique_ptr<Reaper> reaper_;
  std::unique_ptr<Scheduler> scheduler_;

 private:
  explicit Scheduling(std::unique_ptr<grants::GrantStore> inner)
      : BrokerTest(std::make_unique<FaultyGrantStore>(*inner)), inner_(std::move(inner)) {
    faulty_ = static_cast<FaultyGrantStore*>(store_.get());
  }
  std::unique_ptr<grants::GrantStore> inner_;
};

TEST_F(Scheduling, RefreshesAheadOfTimeWithoutACaller) {
  const auto grant = SignIn();
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  clock_.Advance(absl::Minutes(40));
  Round();
  EXPECT_EQ(Refreshes(), 0);
  clock_.Advance(absl::Minutes(12));
  Round();
  EXPECT_THAT(provider_->sent(), ElementsAre("code C1", "refresh RT1"));
  EXPECT_EQ(Stored(grant.id).generation, 2u);
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  Round();
  EXPECT_EQ(Refreshes(), 1);
  const SchedulerState state = scheduler_->state();
  EXPECT_EQ(state.claims, 1u);
  EXPECT_EQ(state.refreshed, 1u);
  EXPECT_GT(state.lag, absl::ZeroDuration());
}

// R1, R12: whichever replica claims a grant, it is refreshed once.
TEST_F(Scheduling, R1SharesGrantsAmongReplicas) {
  constexpr int kGrants = 40;
  for (int i = 0; i < kGrants; ++i) Make(std::to_string(i));
  provider_->Answer(Issues({.access_token = "AT2"}));
  provider_->RepeatLastAnswer();
  Refresh refresh(*clients_, *store_, clock_, changes_, runtime_,
                  RevocationQueue(*clients_, *store_, clock_, runtime_), "another replica", nullptr,
                  std::make_shared<HeldAnswers>(nullptr, SpoolWhen::kStoreFails));
  Scheduler other(*clients_, *store_, clock_, runtime_, refresh, *reaper_, options_);
  clock_.Advance(absl::Hours(1));
  for (int i = 0; i < 3; ++i) {
    EXPECT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
    EXPECT_THAT(Run(other.ClaimOnce()), IsOk());
  }
  Settle();
  Await([&] { return other.state().in_hand == 0; });
  EXPECT_EQ(Refreshes(), kGrants);
}

TEST_F(Scheduling, LeavesIdleGrantsToBeRefreshedOnDemand) {
  UseRules([](Client& client) { client.refresh.idle_after = absl::Minutes(30); });
  const auto grant = SignIn();
  clock_.Advance(absl::Minutes(55));
  Round();
  EXPECT_EQ(Refreshes(), 0);
  EXPECT_EQ(scheduler_->state().postponed, 1u);
  clock_.Advance(absl::Hours(1));
  Round();
  EXPECT_EQ(Refreshes(), 0);
  // Somebody asks for it: from then on it is kept fresh again.
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  clock_.Advance(absl::Minutes(25));
  EXPECT_EQ(TokenOf(Get(grant.id)), "AT2");
  Await([&] { return Stored(grant.id).last_used_at == clock_.Now(); });
  clock_.Advance(absl::Minutes(28));
  provider_->Answer(Issues({.access_token = "AT3", .refresh_token = "RT3"}));
  Round();
  EXPECT_EQ(Refreshes(), 2);
}

TEST_F(Scheduling, KeepsIdleGrantsAliveWhereTheProviderWouldDropThem) {
  UseRules([](Client& client) {
    client.refresh.idle_after = absl::Minutes(30);
    client.refresh.refresh_token_idle_lifetime = absl::Hours(100);
  });
  const auto grant = SignIn();
  clock_.Advance(absl::Minutes(55));
  Round();
  clock_.Advance(absl::Hours(70));
  Round();
  EXPECT_EQ(Refreshes(), 0);
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  clock_.Advance(absl::Hours(15));
  Round();
  EXPECT_EQ(Refreshes(), 1);
  // Nobody used it: its own end has not moved.
  EXPECT_EQ(Stored(grant.id).last_used_at, grant.last_used_at);
  EXPECT_EQ(Stored(grant.id).ends_at, grant.ends_at);
}

// R10, R12: a failure that passes is tried again, later and later, and never sooner than asked.
TEST_F(Scheduling, R12TriesAgainAfterAFailureWithBackOff) {
  const auto grant = SignIn();
  provider_->Answer(Fails(Answered(Reason::kProviderUnavailable)));
  provider_->RepeatLastAnswer();
  clock_.Set(*grant.next_refresh_at);
  absl::Duration longest = absl::ZeroDuration();
  for (int attempt = 1; attempt <= 40; ++attempt) {
    Round();
    ASSERT_EQ(scheduler_->state().failed, static_cast<std::uint64_t>(attempt));
    const absl::Duration pause = NextDue() - clock_.Now();
    const absl::Duration overdue = clock_.Now() - *grant.next_refresh_at;
    EXPECT_GE(pause, absl::Seconds(1));
    // Besides, a failure is remembered for as much as half a minute: provider/back_off.h.
    EXPECT_LE(pause, std::clamp(overdue, options_.first_retry, options_.longest_retry) +
                         absl::Seconds(30));
    longest = std::max(longest, pause);
    Round();  // not before its time
    ASSERT_EQ(scheduler_->state().failed, static_cast<std::uint64_t>(attempt));
    clock_.Set(NextDue());
  }
  EXPECT_GT(longest, options_.first_retry);
  EXPECT_EQ(Stored(grant.id).state, grants::GrantState::kActive);
  // A try so soon after another may have been answered without the provider.
  EXPECT_GT(Refreshes(), 5);
}

TEST_F(Scheduling, R12ObeysRetryAfterAndRestsTheProvider) {
  const auto first = SignIn();
  provider_->Answer(
      Fails(WithRetryAfter(Answered(Reason::kProviderRateLimited), absl::Minutes(20))));
  // Both are due: their jitter is up to a tenth of an hour apart.
  clock_.Set(*first.next_refresh_at + absl::Minutes(7));
  Round();
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_GE(NextDue(), clock_.Now() + absl::Minutes(20));
  // Another grant of the same provider does not run into the same limit.
  grants::Grant second = first.Copy();
  second.id = "second";
  EXPECT_THAT(Run(store_->CreateGrant(std::move(second))), IsOk());
  Round();
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_EQ(scheduler_->state().deferred, 1u);
}

TEST_F(Scheduling, R10EndsAGrantOnInvalidGrant) {
  const auto grant = SignIn();
  provider_->Answer(Fails(Answered(Reason::kReauthorizationRequired)));
  clock_.Set(*grant.next_refresh_at);
  Round();
  EXPECT_EQ(Stored(grant.id).state, grants::GrantState::kReauthorizationRequired);
  EXPECT_EQ(scheduler_->state().ended, 1u);
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
}

// An answer that comes when the test says so.
FakeProvider::TokenAnswer Held(std::shared_ptr<std::atomic<bool>> let_go) {
  return [let_go](const oauth::AuthorizationGrant&) -> Task<oauth::TokenResponse> {
    return [](std::shared_ptr<std::atomic<bool>> go) -> Task<oauth::TokenResponse> {
      while (!go->load()) co_await Pause(absl::Milliseconds(1));
      co_return oauth::TokenResponse{
          .access_token = Secret("AT2"), .token_type = "Bearer", .lifetime = absl::Hours(1)};
    }(let_go);
  };
}

class TwoProviders : public Scheduling {
 protected:
  TwoProviders() {
    options_.bounds = {.in_all = 8, .per_provider = 6};
    options_.providers = 2;
    broker_.reset();
    std::vector<Client> clients;
    clients.push_back(MakeClient(provider_));
    clients.push_back(MakeClient(fast_));
    clients.back().name = "fast";
    clients_ = std::make_unique<Clients>(std::move(clients));
    broker_ = std::make_unique<Broker>(*clients_, *store_, clock_, cache_, changes_, runtime_,
                                       BrokerOptions{.replica = "test", .refresh_ahead = false});
    MakeScheduler();
  }

  std::shared_ptr<FakeProvider> fast_ = std::make_shared<FakeProvider>("fast");
};

TEST_F(TwoProviders, ASlowOneDelaysNoOther) {
  const auto let_go = std::make_shared<std::atomic<bool>>(false);
  provider_->Answer(Held(let_go));
  provider_->RepeatLastAnswer();
  fast_->Answer(Issues({.access_token = "AT2"}));
  fast_->RepeatLastAnswer();
  constexpr int kSlow = 50;
  for (int i = 0; i < kSlow; ++i) Make("slow-" + std::to_string(i));
  clock_.Advance(absl::Minutes(2));  // these are due later, behind all of the slow ones
  for (int i = 0; i < 10; ++i) Make("fast-" + std::to_string(i), "fast");
  clock_.Advance(absl::Hours(1));
  for (int round = 0; round < 200 && fast_->sent().size() < 10; ++round) {
    ASSERT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
    Await([&] { return scheduler_->state().in_hand == scheduler_->state().in_flight; });
    clock_.Advance(absl::Milliseconds(100));
  }
  EXPECT_THAT(fast_->sent(), SizeIs(10));
  EXPECT_LE(Refreshes(), 6);
  EXPECT_GT(scheduler_->state().deferred, 0u);
  // The last of the fast ones ends by itself; what is under way then is the slow one's.
  Await([&] {
    const SchedulerState state = scheduler_->state();
    return state.in_flight_by_provider.at("op") == state.in_flight;
  });

  // The others come in turn.
  let_go->store(true);
  for (int round = 0; round < 500 && Refreshes() < kSlow; ++round) {
    Settle();
    clock_.Advance(absl::Seconds(5));
    Round();
  }
  EXPECT_EQ(Refreshes(), kSlow);
}

// R2: a refresh that outlasts everybody's patience is not begun again by the next claim.
TEST_F(Scheduling, R2HidesAGrantWhileItsRefreshIsUnderWay) {
  const auto let_go = std::make_shared<std::atomic<bool>>(false);
  provider_->Answer(Held(let_go));
  const auto grant = Make("grant");
  clock_.Set(*grant.next_refresh_at);
  ASSERT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
  Await([&] { return Refreshes() == 1; });
  clock_.Advance(options_.visibility - absl::Seconds(1));
  ASSERT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
  EXPECT_EQ(scheduler_->state().claims, 1u);
  let_go->store(true);
  Settle();
  EXPECT_EQ(Refreshes(), 1);
  EXPECT_EQ(Stored("grant").generation, 2u);
}

TEST_F(Scheduling, PutsBackWhatItHasNotBegunWhenItStops) {
  const auto grant = Make("grant");
  clock_.Set(*grant.next_refresh_at);
  scheduler_->Stop();
  Round();
  EXPECT_EQ(Refreshes(), 0);
  EXPECT_LE(NextDue(), clock_.Now());
}

// R16: a store that is away is no reason to forget a grant.
TEST_F(Scheduling, R16ComesBackToWhatAStoreOutageInterrupted) {
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  const auto grant = Make("grant");
  clock_.Set(*grant.next_refresh_at);
  faulty_->FailCalls(1, 1, FaultyGrantStore::Fault::kRefused);
  EXPECT_THAT(Run(scheduler_->ClaimOnce()), FailsWith(Reason::kStoreUnavailable));
  for (const int call : {2, 3, 4, 5, 6}) {  // after the claim: reads, lease, intent
    faulty_->FailCalls(call, 1, FaultyGrantStore::Fault::kRefused);
    (void)Run(scheduler_->ClaimOnce());
    Settle();
    clock_.Advance(options_.visibility);
  }
  faulty_->FailCalls(0, 0, FaultyGrantStore::Fault::kRefused);
  Round();
  EXPECT_EQ(Stored("grant").generation, 2u);
  EXPECT_EQ(Refreshes(), 1);
}

TEST_F(Scheduling, StartsSlowly) {
  options_.slow_start = absl::Seconds(10);
  MakeScheduler();
  const auto let_go = std::make_shared<std::atomic<bool>>(false);
  provider_->Answer(Held(let_go));
  provider_->RepeatLastAnswer();
  for (int i = 0; i < 300; ++i) Make(std::to_string(i));
  clock_.Advance(absl::Hours(1));
  MakeScheduler();
  EXPECT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
  EXPECT_EQ(scheduler_->state().claims, 16u);
  clock_.Advance(absl::Seconds(5));
  EXPECT_THAT(Run(scheduler_->ClaimOnce()), IsOk());
  EXPECT_EQ(scheduler_->state().claims, 16u + 128u);
  let_go->store(true);
  Settle();
}

TEST_F(Scheduling, RunsByItselfAndStops) {
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  const auto grant = Make("grant");
  clock_.Set(*grant.next_refresh_at);
  scheduler_->Start();
  Await([&] { return Stored("grant").generation == 2; });
  EXPECT_TRUE(scheduler_->state().running);
  Await([&] { return scheduler_->state().counted_at == clock_.Now(); });
  scheduler_->Stop();
  Await([&] { return !scheduler_->state().running; });
  EXPECT_EQ(Refreshes(), 1);
}

class Reconciling : public Scheduling {
 protected:
  Reconciling() { MakeReconciler(); }

  void MakeReconciler() {
    MakeScheduler();
    reconciler_ = std::make_unique<Reconciler>(
        *clients_, *store_, clock_, runtime_, *reaper_, log_,
        ReconcilerOptions{.interval = absl::Hours(1), .max_grants_per_second = 1e6});
  }

  // As if the schedule had lost it.
  void Unschedule(const std::string& id) {
    grants::Grant grant = Stored(id);
    grants::GrantCommit commit{.grant = grant.Copy(), .expected_generation = grant.generation};
    commit.grant.generation += 1;
    commit.grant.next_refresh_at.reset();
    ASSERT_THAT(Run(store_->CommitGrant(std::move(commit))), IsOk());
  }

  std::unique_ptr<Reconciler> reconciler_;
};

TEST_F(Reconciling, PutsMissingGrantsIntoTheSchedule) {
  for (int i = 0; i < 250; ++i) Make(std::to_string(i));
  const auto grant = Make("grant");
  Unschedule("grant");
  provider_->Answer(Issues({.access_token = "AT2", .refresh_token = "RT2"}));
  EXPECT_THAT(Run(reconciler_->WalkOnce()), testing::IsOkAndHolds(1));
  EXPECT_EQ(reconciler_->state().repaired, 1u);
  EXPECT_EQ(reconciler_->state().grants, 251u);
  EXPECT_THAT(Run(reconciler_->WalkOnce()), testing::IsOkAndHolds(0));
  const auto summary = Run(store_->SummarizeSchedule(clock_.Now()));
  ASSERT_THAT(summary, IsOk());
  EXPECT_EQ(summary->scheduled, 251u);
  EXPECT_GE(*summary->first, clock_.Now() + absl::Minutes(45));
}

TEST_F(Reconciling, DoesNotMakeABurstOfWhatIsOverdue) {
  for (int i = 0; i < 100; ++i) {
    Make(std::to_string(i));
    Unschedule(std::to_string(i));
  }
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(Run(reconciler_->WalkOnce()), testing::IsOkAndHolds(1));
  const auto now = Run(store_->SummarizeSchedule(clock_.Now()));
  const auto later = Run(store_->SummarizeSchedule(clock_.Now() + absl::Minutes(1)));
  ASSERT_THAT(later, IsOk());
  EXPECT_LT(now->overdue, 20u);
  EXPECT_EQ(later->overdue, 100u);
}

TEST_F(Reconciling, LetsTheReaperEndWhatIsDead) {
  Make("dead", "removed-client");
  Make("living");
  Unschedule("dead");
  reaper_options_ = {.rules = {.unconfigured_after = absl::Hours(1)}, .dry_run = true};
  MakeReconciler();
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(Run(reconciler_->WalkOnce()), IsOk());
  EXPECT_EQ(reaper_->state().ended, 1u);
  EXPECT_EQ(Stored("dead").state, grants::GrantState::kActive);

  reaper_options_.dry_run = false;
  MakeReconciler();
  clock_.Advance(absl::Hours(2));
  EXPECT_THAT(Run(reconciler_->WalkOnce()), IsOk());
  EXPECT_EQ(reaper_->state().ended, 1u);
  EXPECT_EQ(Stored("dead").state, grants::GrantState::kReauthorizationRequired);
  EXPECT_EQ(Stored("dead").ended_because, "client_removed");
  EXPECT_EQ(Stored("living").state, grants::GrantState::kActive);
}

// The scheduler meets dead grants when they are due.
TEST_F(Reconciling, LeavesNoDeadGrantInTheSchedule) {
  const auto grant = Make("dead", "removed-client");
  reaper_options_ = {.rules = {.unconfigured_after = absl::Minutes(1)}, .dry_run = true};
  MakeReconciler();
  clock_.Set(*grant.next_refresh_at);
  Round();
  EXPECT_EQ(reaper_->state().ended, 1u);
  EXPECT_GT(NextDue(), clock_.Now());
  reaper_options_.dry_run = false;
  MakeReconciler();
  clock_.Set(NextDue());
  Round();
  EXPECT_EQ(Stored("dead").ended_because, "client_removed");
  EXPECT_EQ(NextDue(), absl::InfiniteFuture());
}

}  // namespace
}  // namespace tokenbroker::broker
