#include "broker/refresh.h"

#include <atomic>
#include <utility>

#include "absl/strings/str_cat.h"
#include "base/sha256.h"
#include "broker/lifetime.h"
#include "broker/refresh_flight.h"
#include "broker/token_cache.h"

namespace tokenbroker::broker {
struct Refresh::Shared {
  Shared(RefreshContext borrowed, std::string name)
      : context(std::move(borrowed)), replica(std::move(name)) {}

  const RefreshContext context;
  const std::string replica;
  std::atomic<std::uint64_t> flights = 0;
  std::atomic<int> in_flight = 0;

  static Task<bool> Fly(std::shared_ptr<Shared> shared, std::string grant_id, RefreshNeed need) {
    const auto number = shared->flights.fetch_add(1);
    std::string holder = absl::StrCat(shared->replica, "/", number);
    shared->in_flight.fetch_add(1);
    absl::Status status =
        co_await RefreshFlight(shared->context, std::move(grant_id), std::move(need), holder);
    shared->in_flight.fetch_sub(1);
    if (!status.ok()) co_return status;
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
  if (need.ahead_of_time) return now < RefreshAfter(grant.id, token, rules);
  if (IsGoodFor(token.obtained_at, token.expires_at, need.min_remaining_lifetime, now)) return true;
  const bool too_short_anyway = token.expires_at - token.obtained_at < need.min_remaining_lifetime;
  return too_short_anyway && now - token.obtained_at < rules.floor &&
         IsGoodFor(token.obtained_at, token.expires_at, absl::ZeroDuration(), now);
}

Refresh::Refresh(const Clients& clients, grants::GrantStore& store, const Clock& clock,
                 Runtime& runtime, std::string replica)
    : shared_(std::make_shared<Shared>(
          RefreshContext{.clients = clients, .store = store, .clock = clock, .runtime = runtime},
          std::move(replica))),
      flights_(runtime, clock) {}

Refresh::~Refresh() = default;

StatusTask Refresh::Renew(std::string grant_id, RefreshNeed need, absl::Time deadline) {
  // What a waiter needs is part of the key: whoever wants more than the flight in the air brings
  // must not be told that it has landed.
  std::string key =
      absl::StrCat(CacheKey(grant_id, need.selector.audience, need.selector.scopes.values()), "\n",
                   absl::FormatDuration(need.min_remaining_lifetime), need.ahead_of_time ? "+" : "",
                   "\n", Sha256(need.rejected_access_token.Reveal()));
  auto work = [shared = shared_, grant_id = std::move(grant_id), need = std::move(need)]() mutable {
    return Shared::Fly(shared, std::move(grant_id), std::move(need));
  };
  return StatusOf(flights_.Run(std::move(key), std::move(work), deadline));
}

int Refresh::in_flight() const { return shared_->in_flight.load(); }

}  // namespace tokenbroker::broker
