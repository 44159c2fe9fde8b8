// The scheduler: refreshes grants ahead of time, without a caller, in every replica.
//
//   Scheduler scheduler(clients, store, clock, runtime, refresh, reaper, options);
//   scheduler.Start();
//   ...
//   scheduler.Stop();  // then wait until scheduler.state().in_hand is 0
//
// Each replica claims grants whose time in the store's schedule has come, which hides them from the
// others for a while, and refreshes them. What cannot be done now is put back for later: a grant
// whose provider is busy or resting, one that nobody uses, one whose refresh failed. What a replica
// that dies had claimed is due again when its claim runs out.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "broker/client.h"
#include "broker/provider_lanes.h"
#include "broker/reaper.h"
#include "broker/refresh.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

struct SchedulerOptions {
  ProviderLanes::Bounds bounds;
  int providers = 1;  // how many are configured
  // How long a claimed grant is hidden from other replicas; well above what a refresh takes.
  absl::Duration visibility = absl::Minutes(2);
  // How often the store is asked when nothing is known to be due sooner.
  absl::Duration poll_interval = absl::Milliseconds(250);
  // A refresh that failed is tried again after a random part of the time that the grant has been
  // overdue, which doubles it from try to try; no less than `first_retry`, no more than
  // `longest_retry`, and never before the provider's Retry-After.
  absl::Duration first_retry = absl::Seconds(5);
  absl::Duration longest_retry = absl::Minutes(5);
  // How long it takes after the start, or after an outage of the store, to reach `bounds`.
  absl::Duration slow_start = absl::Seconds(10);
};

// What the scheduler of this replica is doing; counters are since its start.
struct SchedulerState {
  bool running = false;

  // As the store had it at `counted_at`, for the whole fleet.
  std::uint64_t due = 0;      // entries in the schedule
  std::uint64_t overdue = 0;  // entries whose time has come, that nobody has claimed
  absl::Duration oldest_overdue = absl::ZeroDuration();
  absl::Time counted_at = absl::InfinitePast();

  // This replica's.
  int in_hand = 0;    // claimed grants that are being looked at or refreshed
  int in_flight = 0;  // refreshes under way
  std::map<std::string, int> in_flight_by_provider;
  // The longest that a refresh, of those begun in the last ten to twenty seconds, began after its
  // time.
  absl::Duration lag = absl::ZeroDuration();
  std::uint64_t claims = 0;     // grants claimed
  std::uint64_t refreshed = 0;  // refreshes that ended well
  std::uint64_t failed = 0;     // refreshes that did not, put back for a retry
  std::uint64_t ended = 0;      // grants that turned out to need a new sign-in
  std::uint64_t deferred = 0;   // put back because their provider had no place free
  std::uint64_t postponed = 0;  // put back because they were idle, or not due by their record
  std::uint64_t store_errors = 0;
  absl::Time last_claim_at = absl::InfinitePast();  // when the store last answered to a claim
};

// Thread-safe. Borrows everything given to it, which must outlive the runtime's Stop.
class Scheduler {
 public:
  Scheduler(const Clients& clients, grants::GrantStore& store, const Clock& clock, Runtime& runtime,
            Refresh& refresh, Reaper& reaper, SchedulerOptions options);
  ~Scheduler();
  Scheduler(const Scheduler&) = delete;
  Scheduler& operator=(const Scheduler&) = delete;

  // Begins to claim. Once.
  void Start();
  // Claims nothing more, and puts back what is claimed and not begun. Refreshes that are under way
  // go on. Does not wait. Idempotent.
  void Stop();

  // One round: claims what there is room for and begins to work on it. How long to rest before the
  // next. For Start and for tests. Errors: those of GrantStore::ClaimDue.
  Task<absl::Duration> ClaimOnce();

  SchedulerState state() const;

 private:
  struct Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace tokenbroker::broker
