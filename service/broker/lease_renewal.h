// A lease that is kept alive while a slow provider answers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "asio/steady_timer.hpp"
#include "base/clock.h"
#include "base/task.h"
#include "grants/grant.h"
#include "grants/grant_store.h"
#include "net/runtime.h"

namespace tokenbroker::broker {

inline constexpr int kRenewalsInALease = 3;

// Renews at a third of the lease's life, or sooner after a failure, until it is destroyed. Losing
// the lease is not reported: the commit finds out, because it is fenced, and whoever is about to do
// what no fence guards asks Confirm.
//
// A lease that ran out while the store was away, or that a failover lost, is taken again once there
// is an intent under it: as long as that stands in the grant, nobody else has sent anything since.
class LeaseRenewal {
 public:
  // `since` is a time before the store gave the lease. `clock` and `store` outlive the last
  // renewal, which may end shortly after this object.
  LeaseRenewal(Runtime& runtime, const Clock& clock, grants::GrantStore& store, grants::Lease lease,
               absl::Duration lifetime, absl::Time since);
  ~LeaseRenewal();
  LeaseRenewal(const LeaseRenewal&) = delete;
  LeaseRenewal& operator=(const LeaseRenewal&) = delete;

  // OK: the lease is ours, and two thirds of its life are left. Renews it where that is not
  // certain, so that a process that slept finds out what it missed before it goes on. Errors:
  // LEASE_LOST; STORE_UNAVAILABLE, also where the store takes a third of the lease to answer, again
  // and again. Suspends: no round trip where the last renewal is fresh.
  StatusTask Confirm() const;

  // Under the lease this intent is stored now, in place of others.
  void Guard(grants::RefreshIntent intent) const;

  // The lease as it was given last.
  grants::Lease lease() const;

  // Whether the lease is certainly ours at the moment of the call. Thread-safe; may be called when
  // this object is gone, as long as its clock is there.
  std::function<bool()> IsOurs() const;

 private:
  struct Watch;
  std::shared_ptr<Watch> watch_;
  // Most refreshes are over before it has run out, and need no coroutine for it.
  asio::steady_timer timer_;
};

}  // namespace tokenbroker::broker
