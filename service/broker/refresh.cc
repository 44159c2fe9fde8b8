#include "broker/refresh.h"

#include <atomic>
#include <map>
#include <utility>

#include "absl/base/thread_annotations.h"
#include "absl/strings/str_cat.h"
#include "base/mutex.h"
#include "base/sha256.h"
#include "broker/failed_refreshes.h"
#include "broker/lifetime.h"
#include "broker/refresh_flight.h"
#include "broker/spool_replay.h"
#include "broker/token_cache.h"
#include "telemetry/per_thread_cells.h"

namespace tokenbroker::broker {
namespace {

// Of grants at a time whose failed refresh is remembered; a few hundred bytes each.
constexpr std::size_t kMostFailures = 100'000;

StatusTask Immediately(absl::Status status) { co_return status; }

constexpr std::size_t kOutcomes = static_cast<std::size_t>(Reason::kInternal) + 2;

std::size_t CellOf(std::optional<Reason> reason) {
  return reason ? static_cast<std::size_t>(*reason) + 1 : 0;
}

}  // namespace

struct Refresh::Shared {
  Shared(const Clients& clients, grants::GrantStore& store, const Clock& clock,
         GrantChanges& changes, Runtime& runtime, RevocationQueue revocations, std::string name,
         grants::AnswerSpool* spool, std::shared_ptr<HeldAnswers> held_answers)
      : answers(std::move(held_answers)),
        context{.clients = clients,
                .store = store,
                .clock = clock,
                .runtime = runtime,
                .turns = turns,
                .waits = waits,
                .changes = changes,
                .answers = *answers,
                .harmless = harmless,
                .leases = leases,
                .revocations = std::move(revocations)},
        replica(std::move(name)),
        replay(spool, turns) {}

  GrantTurns turns;
  LeaseWaits waits;
  const std::shared_ptr<HeldAnswers> answers;
  HarmlessIntents harmless{kMostFailures};
  HeldLeases leases;
  const RefreshContext context;
  const std::string replica;
  SpoolReplay replay;
  std::atomic<std::uint64_t> flights = 0;
  std::atomic<int> in_flight = 0;
  FailedRefreshes failed{kMostFailures};

  // The urgency of the grant's flights, which share a lease: a caller who joins raises those that
  // are under way.
  provider::Urgency UrgencyFor(const std::string& grant_id, provider::Priority priority)
      ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    auto [found, is_new] =
        urgencies.try_emplace(grant_id, std::pair(provider::Urgency(priority), 0));
    ++found->second.second;
    found->second.first.Raise(priority);
    return found->second.first;
  }
  void ForgetUrgency(const std::string& grant_id) ABSL_LOCKS_EXCLUDED(mutex) {
    const MutexLock lock(mutex);
    const auto found = urgencies.find(grant_id);
    if (--found->second.second == 0) urgencies.erase(found);
  }

  Mutex mutex;
  // By grant, with the number of its flights.
  std::map<std::string, std::pair<provider::Urgency, int>> urgencies ABSL_GUARDED_BY(mutex);
  telemetry::PerThreadCells ended{kOutcomes};

  static Task<bool> Fly(std::shared_ptr<Shared> shared, std::string grant_id, RefreshNeed need,
                        std::optional<grants::Grant> as_read) {
    const auto number = shared->flights.fetch_add(1);
    std::string holder = absl::StrCat(shared->replica, "/", number);
    provider::Urgency urgency = shared->UrgencyFor(
        grant_id, need.ahead_of_time ? provider::Priority::kSchedule : provider::Priority::kCaller);
    shared->in_flight.fetch_add(1);
    const std::string place =
        CacheKey(grant_id, need.selector.audience, need.selector.scopes.values());
    std::string flown = grant_id;
    absl::Status status = co_await RefreshFlight(shared->context, std::move(flown), std::move(need),
                                                 holder, std::move(urgency), std::move(as_read));
    shared->in_flight.fetch_sub(1);
    shared->ForgetUrgency(grant_id);
    shared->failed.Landed(place, status, shared->context.clock.Now());
    if (!status.ok()) {
      shared->ended.Add(CellOf(ReasonOf(status).value_or(Reason::kInternal)));
      co_return status;
    }
    shared->ended.Add(CellOf(std::nullopt));
    co_return true;
  }
};

namespace {

StatusTask StatusOf(Task<bool> flight) {
  const auto landed = co_await std::move(flight);
  co_return landed.status();
}

}  // namespace

bool Meets(const grants::Grant& grant, const RefreshNeed& need, const RefreshRules& rules,
           absl::Time now) {
  const auto found = grant.access_tokens.find(need.selector);
  if (found == grant.access_tokens.end()) return false;
  const grants::AccessToken& token = found->second;
  if (!need.rejected_access_token.empty() && token.value == need.rejected_access_token) {
    return false;
  }
  if (need.ahead_of_time) {
    return need.selector == grants::TokenSelector{} ? now < NextRefresh(grant, rules)
                                                    : now < RefreshAfter(grant.id, token, rules);
  }
  if (IsGoodFor(token.obtained_at, token.expires_at, need.min_remaining_lifetime, now)) return true;
  const bool too_short_anyway = token.expires_at - token.obtained_at < need.min_remaining_lifetime;
  return too_short_anyway && now - token.obtained_at < rules.floor &&
         IsGoodFor(token.obtained_at, token.expires_at, absl::ZeroDuration(), now);
}

Refresh::Refresh(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                 GrantChanges& changes, Runtime& runtime, RevocationQueue revocations,
                 std::string replica, grants::AnswerSpool* spool,
                 std::shared_ptr<HeldAnswers> answers)
    : shared_(std::make_shared<Shared>(clients, store, clock, changes, runtime,
                                       std::move(revocations), std::move(replica), spool,
                                       std::move(answers))),
      flights_(runtime, clock) {}

Refresh::~Refresh() = default;

StatusTask Refresh::Renew(std::string grant_id, RefreshNeed need, absl::Time deadline,
                          std::optional<grants::Grant> as_read) {
  const std::string place =
      CacheKey(grant_id, need.selector.audience, need.selector.scopes.values());
  if (auto failure = shared_->failed.Find(place, shared_->context.clock.Now())) {
    return Immediately(*std::move(failure));
  }
  // What a waiter needs is part of the key: whoever wants more than the flight in the air brings
  // must not be told that it has landed.
  std::string key = absl::StrCat(place, "\n", absl::FormatDuration(need.min_remaining_lifetime),
                                 need.ahead_of_time ? "+" : "", "\n",
                                 Sha256(need.rejected_access_token.Reveal()));
  auto work = [shared = shared_, grant_id = std::move(grant_id), need = std::move(need),
               as_read = std::move(as_read)]() mutable {
    return Shared::Fly(shared, std::move(grant_id), std::move(need), std::move(as_read));
  };
  return StatusOf(flights_.Run(std::move(key), std::move(work), deadline));
}

std::uint64_t Refresh::ended(std::optional<Reason> reason) const {
  return shared_->ended.Sum(CellOf(reason));
}

const LeaseWaits& Refresh::lease_waits() const { return shared_->waits; }

int Refresh::in_flight() const { return shared_->in_flight.load(); }

void Refresh::ReplaySpool() { shared_->replay.Begin(shared_->context, shared_->replica, shared_); }

asio::awaitable<void> Refresh::HandLeasesBack() {
  const std::shared_ptr<Shared> shared = shared_;
  for (grants::Lease& lease : shared->leases.TakeAll()) {
    (void)co_await shared->context.store.ReleaseLease(std::move(lease));
  }
}

}  // namespace tokenbroker::broker
