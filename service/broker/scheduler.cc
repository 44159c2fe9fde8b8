#include "broker/scheduler.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "asio/this_coro.hpp"
#include "base/error.h"
#include "base/random.h"
#include "base/status_macros.h"
#include "broker/next_step.h"
#include "broker/pause.h"
#include "broker/scheduler_counts.h"
#include "net/wake_up.h"

namespace tokenbroker::broker {
namespace {

// A claim costs several round trips, so it waits until there is room for a good number.
constexpr int kMostAtOnce = 256;
// Where there is more to claim than was found, or somebody else is at it too.
constexpr absl::Duration kShortestRest = absl::Milliseconds(5);
// While every place is taken; the end of a refresh wakes the loop earlier.
constexpr absl::Duration kRestWhenFull = absl::Seconds(1);
constexpr int kPlacesAtStart = 16;
constexpr absl::Duration kSummarizeEvery = absl::Seconds(10);
constexpr absl::Duration kShortestRetry = absl::Seconds(1);
// A record that does not open may be another key ring's; looking again costs a read.
constexpr absl::Duration kLookAgainAtUnreadable = absl::Hours(1);
constexpr absl::Duration kLookAgainAtDead = absl::Hours(1);

}  // namespace

struct Scheduler::Core {
  Core(const Clients& a_clients, grants::GrantStore& a_store, const Clock& a_clock,
       Runtime& a_runtime, Refresh& a_refresh, Reaper& a_reaper, SchedulerOptions the_options)
      : clients(a_clients),
        store(a_store),
        clock(a_clock),
        runtime(a_runtime),
        refresh(a_refresh),
        reaper(a_reaper),
        options(the_options),
        lanes(options.bounds, options.providers),
        starts_from(clock.Now()) {}

  const Clients& clients;
  grants::GrantStore& store;
  const Clock& clock;
  Runtime& runtime;
  Refresh& refresh;
  Reaper& reaper;
  const SchedulerOptions options;

  ProviderLanes lanes;
  SchedulerCounts counts;
  std::atomic<bool> running = false;
  std::atomic<bool> stopping = false;
  std::atomic<bool> waits_for_room = false;
  std::atomic<int> claimed = 0;  // grants that are being worked on, refreshed or not
  // For the loop alone.
  std::shared_ptr<WakeUp> wake_up;
  absl::Time starts_from;
  bool store_was_away = false;
  absl::Time summarized_at = absl::InfinitePast();

  Mutex mutex;
  std::shared_ptr<WakeUp> waker ABSL_GUARDED_BY(mutex);  // `wake_up`, for others

  void Wake() ABSL_LOCKS_EXCLUDED(mutex) {
    std::shared_ptr<WakeUp> sleeper;
    {
      const MutexLock lock(mutex);
      sleeper = waker;
    }
    if (sleeper) sleeper->Wake();
  }

  // How many grants may be worked on at `now`: few at first, so that what an outage has heaped up
  // does not fall on the providers in one moment.
  int Places(absl::Time now) const {
    const int all = options.bounds.in_all;
    if (options.slow_start <= absl::ZeroDuration()) return all;
    const double part = absl::FDivDuration(now - starts_from, options.slow_start);
    const int places = kPlacesAtStart + static_cast<int>(std::clamp(part, 0.0, 1.0) * all);
    return std::min(places, all);
  }

  int Room(int places) const { return std::min(places - claimed.load(), kMostAtOnce); }

  // What is worth a claim.
  static int LeastRoom(int places) { return std::clamp(places / 4, 1, kMostAtOnce / 4); }

  static Task<absl::Duration> ClaimOnce(std::shared_ptr<Core> core) {
    const absl::Time now = core->clock.Now();
    const int places = core->Places(now);
    core->waits_for_room.store(true);
    if (core->Room(places) < LeastRoom(places)) co_return kRestWhenFull;
    core->waits_for_room.store(false);
    const int room = core->Room(places);
    const absl::Time hidden_until = now + core->options.visibility;
    auto due = co_await core->store.ClaimDue(now, static_cast<std::size_t>(room),
                                             core->options.visibility);
    if (!due.ok()) co_return due.status();
    core->counts.Claimed(due->size(), now);
    core->claimed.fetch_add(static_cast<int>(due->size()));
    const bool all_taken = due->size() < static_cast<std::size_t>(room);
    for (std::string& grant_id : *due) {
      core->runtime.Spawn(Work(core, std::move(grant_id), hidden_until));
    }
    if (!all_taken) co_return absl::ZeroDuration();
    CO_ASSIGN_OR_RETURN(const absl::Time next, co_await core->store.NextDue());
    co_return std::clamp(next - core->clock.Now(), kShortestRest, core->options.poll_interval);
  }

  static asio::awaitable<void> Loop(std::shared_ptr<Core> core) {
    core->wake_up = std::make_shared<WakeUp>(co_await asio::this_coro::executor);
    {
      const MutexLock lock(core->mutex);
      core->waker = core->wake_up;
    }
    std::optional<Backoff> backoff;
    while (!core->stopping.load()) {
      const auto rest = co_await ClaimOnce(core);
      if (rest.ok()) {
        // Whatever has become due while the store was away is begun slowly.
        if (backoff) core->starts_from = core->clock.Now();
        backoff.reset();
        co_await Summarize(core);
        co_await core->wake_up->Wait(*rest);
      } else {
        core->counts.store_errors.fetch_add(1);
        if (!backoff) backoff.emplace(absl::Milliseconds(250), absl::Seconds(10));
        co_await core->wake_up->Wait(backoff->Next());
      }
    }
    core->running.store(false);
  }

  static asio::awaitable<void> Summarize(std::shared_ptr<Core> core) {
    const absl::Time now = core->clock.Now();
    if (now - core->summarized_at < kSummarizeEvery) co_return;
    core->summarized_at = now;
    const auto summary = co_await core->store.SummarizeSchedule(now);
    if (summary.ok()) core->counts.Summarized(*summary, now);
  }

  // Everything that is to be done with one claimed grant.
  static asio::awaitable<void> Work(std::shared_ptr<Core> core, std::string grant_id,
                                    absl::Time hidden_until) {
    const auto again = co_await LookAt(core, grant_id, hidden_until);
    if (again) {
      const absl::Status put_back =
          co_await core->store.PutBack(std::move(grant_id), hidden_until, *again);
      if (!put_back.ok()) core->counts.store_errors.fetch_add(1);
    }
    core->claimed.fetch_sub(1);
    const int places = core->options.bounds.in_all;
    if (core->waits_for_room.load() && core->Room(places) >= LeastRoom(places)) core->Wake();
  }

  // When the grant is to come again; nothing where its place in the schedule is right, or where the
  // claim is to run out.
  static asio::awaitable<std::optional<absl::Time>> LookAt(std::shared_ptr<Core> core,
                                                           std::string grant_id,
                                                           absl::Time hidden_until) {
    std::string sought = grant_id;
    auto grant = co_await core->store.FindGrant(std::move(sought));
    const absl::Time now = core->clock.Now();
    if (HasReason(grant.status(), Reason::kRecordUnreadable))
      co_return now + kLookAgainAtUnreadable;
    if (!grant.ok()) {
      if (!HasReason(grant.status(), Reason::kGrantUnknown)) core->counts.store_errors.fetch_add(1);
      co_return std::nullopt;
    }
    const ClientPtr client = core->clients.FindAny(grant->client);
    const NextStep step = NextStepFor(*grant, client.get(), core->reaper.rules(), now);
    switch (step.kind) {
      case NextStep::Kind::kWait:
        core->counts.postponed.fetch_add(1);
        if (step.at == absl::InfiniteFuture()) co_return std::nullopt;
        co_return step.at;
      case NextStep::Kind::kEnd: {
        std::string because(step.because);
        co_await core->reaper.End(*std::move(grant), std::move(because));
        co_return now + kLookAgainAtDead;  // does nothing where the grant has ended
      }
      case NextStep::Kind::kRefresh:
        break;
    }
    const std::string provider = client->provider->name();
    if (core->stopping.load()) co_return now;
    if (!core->lanes.Enter(provider, now)) {
      core->counts.deferred.fetch_add(1);
      co_return core->lanes.ComeAgain(provider, now);
    }
    core->counts.Begun(step.at, now);
    RefreshNeed need{.ahead_of_time = true};
    // Whoever waits until the claim runs out waits in vain: the grant is then another's to refresh.
    const absl::Time deadline = now + (hidden_until - now) * 0.9;
    std::optional<grants::Grant> as_read = *std::move(grant);
    const absl::Status renewed = co_await core->refresh.Renew(std::move(grant_id), std::move(need),
                                                              deadline, std::move(as_read));
    core->lanes.Leave(provider, core->clock.Now() - now);
    co_return core->AfterRenewal(renewed, provider, step.at);
  }

  std::optional<absl::Time> AfterRenewal(const absl::Status& renewed, const std::string& provider,
                                         absl::Time due) {
    if (renewed.ok()) {
      counts.refreshed.fetch_add(1);
      return std::nullopt;
    }
    if (HasReason(renewed, Reason::kReauthorizationRequired) ||
        HasReason(renewed, Reason::kGrantUnknown)) {
      counts.ended.fetch_add(1);
      return std::nullopt;
    }
    counts.failed.fetch_add(1);
    if (HasReason(renewed, Reason::kStoreUnavailable)) {
      counts.store_errors.fetch_add(1);
      return std::nullopt;
    }
    const absl::Time now = clock.Now();
    const absl::Duration asked = RetryAfterOf(renewed).value_or(absl::ZeroDuration());
    if (HasReason(renewed, Reason::kProviderRateLimited)) {
      lanes.Rest(provider, now, now + std::max(asked, options.first_retry));
    }
    const absl::Duration step = std::clamp(now - due, options.first_retry, options.longest_retry);
    return now + std::max(asked + step * RandomFraction(), kShortestRetry);
  }
};

Scheduler::Scheduler(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                     Runtime& runtime, Refresh& refresh, Reaper& reaper, SchedulerOptions options)
    : core_(std::make_shared<Core>(clients, store, clock, runtime, refresh, reaper, options)) {}

Scheduler::~Scheduler() { Stop(); }

void Scheduler::Start() {
  core_->running.store(true);
  core_->runtime.Spawn(Core::Loop(core_));
}

void Scheduler::Stop() {
  core_->stopping.store(true);
  core_->Wake();
}

Task<absl::Duration> Scheduler::ClaimOnce() { return Core::ClaimOnce(core_); }

SchedulerState Scheduler::state() const {
  SchedulerState state = core_->counts.Read(core_->clock.Now());
  state.running = core_->running.load();
  state.in_hand = core_->claimed.load();
  state.in_flight = core_->lanes.in_all();
  state.in_flight_by_provider = core_->lanes.by_provider();
  return state;
}

}  // namespace tokenbroker::broker
