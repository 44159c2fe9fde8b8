// Walks through all grants, slowly, and gives a place in the schedule to those that have none: lost
// in a failover, or taken away by hand.
#pragma once

#include <cstdint>
#include <memory>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/task.h"
#include "broker/client.h"
#include "broker/reaper.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "telemetry/log.h"

namespace tokenbroker::broker {

struct ReconcilerOptions {
  absl::Duration interval =
      absl::Hours(1);                   // in which each grant is looked at once, by one replica
  double max_grants_per_second = 1000;  // looked at by this replica
};

// What this replica's walk has done since it started.
struct ReconcilerState {
  std::uint64_t slices = 0;
  std::uint64_t grants = 0;    // looked at
  std::uint64_t repaired = 0;  // given a place in the schedule
};

// Thread-safe. Borrows everything given to it, which must outlive the runtime's Stop.
class Reconciler {
 public:
  Reconciler(const Clients& clients, grants::GrantStore& store, const Clock& clock,
             Runtime& runtime, Reaper& reaper, const telemetry::Log& log,
             ReconcilerOptions options);
  ~Reconciler();

  // Begins to walk. Once.
  void Start();
  // Takes no other slice.
  void Stop();

  // Looks over the slices that are to be had now; how many there were. For Start and for tests.
  // Errors: those of the store.
  Task<int> WalkOnce();

  ReconcilerState state() const;

 private:
  struct Core;
  const std::shared_ptr<Core> core_;
};

}  // namespace tokenbroker::broker
