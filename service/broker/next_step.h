// What is to be done with a grant whose time in the schedule has come. Pure: everything that
// decides is in the grant, its client and the clock.
#pragma once

#include <optional>
#include <string_view>

#include "absl/time/time.h"
#include "broker/client.h"
#include "grants/grant.h"

namespace tokenbroker::broker {

// Which grants are dead, besides those whose own end has come.
struct ReapRules {
  // Grants of a client that is not configured any more, so long after their last use or refresh.
  // None: they stay until they end by themselves.
  std::optional<absl::Duration> unconfigured_after;
};

struct NextStep {
  enum class Kind {
    kRefresh,  // `at` says since when that is due
    kWait,     // look again at `at`
    kEnd,      // it is dead: `because`
  };
  Kind kind = Kind::kWait;
  absl::Time at;
  std::string_view because = {};  // for the tombstone
};

// `client` is the grant's; null where it is not configured. Every active grant keeps a place in the
// schedule: one that nobody has asked for in `idle_after` waits until its refresh token must be
// used lest it be dropped, and where nobody said when that is, until its own end.
NextStep NextStepFor(const grants::Grant& grant, const Client* client, const ReapRules& reap,
                     absl::Time now);

}  // namespace tokenbroker::broker
