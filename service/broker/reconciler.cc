#include "broker/reconciler.h"

#include <algorithm>
#include <atomic>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "base/status_macros.h"
#include "broker/next_step.h"
#include "broker/pause.h"

namespace tokenbroker::broker {
namespace {

constexpr std::size_t kGrantsAtOnce = 100;
// Finds of one walk are not all due at once.
constexpr absl::Duration kSpread = absl::Minutes(1);
constexpr absl::Duration kShortestRest = absl::Milliseconds(100);
constexpr absl::Duration kLongestSliceRest = absl::Seconds(10);

}  // namespace

struct Reconciler::Core {
  const Clients& clients;
  grants::GrantStore& store;
  const Clock& clock;
  Runtime& runtime;
  Reaper& reaper;
  const telemetry::Log& log;
  const ReconcilerOptions options;
  std::atomic<bool> stopping = false;
  std::atomic<std::uint64_t> slices = 0;
  std::atomic<std::uint64_t> grants_seen = 0;
  std::atomic<std::uint64_t> repaired = 0;

  // Gives the grant a place in the schedule, or ends it where it is dead. Whether it got a place.
  static Task<bool> Repair(std::shared_ptr<Core> core, std::string grant_id) {
    std::string sought = grant_id;
    auto grant = co_await core->store.FindGrant(std::move(sought));
    if (!grant.ok()) co_return false;
    const absl::Time now = core->clock.Now();
    const NextStep step =
        NextStepFor(*grant, core->clients.FindAny(grant->client).get(), core->reaper.rules(), now);
    absl::Time when = step.at;
    if (step.kind == NextStep::Kind::kEnd) {
      std::string because(step.because);
      co_await core->reaper.End(*std::move(grant), std::move(because));
      co_return false;
    }
    if (step.kind == NextStep::Kind::kRefresh) when = now + kSpread * RandomFraction();
    if (when == absl::InfiniteFuture()) co_return false;
    absl::Status scheduled = co_await core->store.Schedule(std::move(grant_id), when);
    if (!scheduled.ok()) co_return scheduled;
    co_return true;
  }

  static StatusTask WalkSlice(std::shared_ptr<Core> core, int slice) {
    std::string from;
    std::uint64_t repaired = 0;
    while (!core->stopping.load()) {
      auto found = co_await core->store.LookOver(slice, std::move(from), kGrantsAtOnce);
      if (!found.ok()) co_return found.status();
      core->grants_seen.fetch_add(found->grants);
      for (std::string& grant_id : found->unscheduled) {
        auto done = co_await Repair(core, std::move(grant_id));
        if (!done.ok()) co_return done.status();
        if (*done) ++repaired;
      }
      std::vector<std::string> gone = std::move(found->gone);
      co_await core->reaper.Forget(slice, std::move(gone));
      from = std::move(found->next);
      const double seconds =
          static_cast<double>(found->grants) / core->options.max_grants_per_second;
      if (found->grants > 0) co_await Pause(absl::Seconds(seconds));
      if (from.empty()) break;
    }
    core->repaired.fetch_add(repaired);
    core->slices.fetch_add(1);
    if (repaired > 0) {
      core->log.Write(telemetry::Level::kWarning, "grants were missing from the schedule",
                      {{"repaired", static_cast<std::int64_t>(repaired)}});
    }
    co_return absl::OkStatus();
  }

  static Task<int> WalkOnce(std::shared_ptr<Core> core) {
    int walked = 0;
    while (!core->stopping.load()) {
      CO_ASSIGN_OR_RETURN(
          const std::optional<int> slice,
          co_await core->store.ClaimSlice(core->clock.Now(), core->options.interval));
      if (!slice) break;
      ++walked;
      CO_RETURN_IF_ERROR(co_await WalkSlice(core, *slice));
    }
    co_return walked;
  }

  static asio::awaitable<void> Loop(std::shared_ptr<Core> core) {
    // A slice whose walk failed is looked over in the next interval.
    const absl::Duration rest =
        std::clamp(core->options.interval / 1024, kShortestRest, kLongestSliceRest);
    while (!core->stopping.load()) {
      co_await Pause(rest * (0.5 + RandomFraction()));
      (void)co_await WalkOnce(core);
    }
  }
};

Reconciler::Reconciler(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                       Runtime& runtime, Reaper& reaper, const telemetry::Log& log,
                       ReconcilerOptions options)
    : core_(new Core{.clients = clients,
                     .store = store,
                     .clock = clock,
                     .runtime = runtime,
                     .reaper = reaper,
                     .log = log,
                     .options = options}) {}

Reconciler::~Reconciler() { Stop(); }

void Reconciler::Start() { core_->runtime.Spawn(Core::Loop(core_)); }

void Reconciler::Stop() { core_->stopping.store(true); }

Task<int> Reconciler::WalkOnce() { return Core::WalkOnce(core_); }

ReconcilerState Reconciler::state() const {
  return {.slices = core_->slices.load(),
          .grants = core_->grants_seen.load(),
          .repaired = core_->repaired.load()};
}

}  // namespace tokenbroker::broker
