#include "broker/next_step.h"

#include <algorithm>

#include "broker/lifetime.h"

namespace tokenbroker::broker {
namespace {

using grants::Grant;
using Kind = NextStep::Kind;

// A client that is missing may come back, or be known to another replica already.
constexpr absl::Duration kLookAgainForClient = absl::Hours(1);

NextStep WithoutClient(const Grant& grant, const ReapRules& reap, absl::Time now) {
  const absl::Time last =
      std::max(grant.last_used_at, grant.last_refreshed_at.value_or(grant.created_at));
  if (reap.unconfigured_after && now - last >= *reap.unconfigured_after) {
    return {.kind = Kind::kEnd, .at = now, .because = "client_removed"};
  }
  return {.kind = Kind::kWait, .at = now + kLookAgainForClient};
}

}  // namespace

NextStep NextStepFor(const Grant& grant, const Client* client, const ReapRules& reap,
                     absl::Time now) {
  if (grant.state != grants::GrantState::kActive) {
    return {.kind = Kind::kWait, .at = absl::InfiniteFuture()};
  }
  if (client == nullptr) return WithoutClient(grant, reap, now);
  // By today's configuration, which may be stricter than the one that it was stored under.
  const absl::Time end = EndOf(grant, *client, grant.last_used_at);
  if (now >= end) return {.kind = Kind::kEnd, .at = now, .because = "expired"};
  if (!grant.refresh_token) return {.kind = Kind::kWait, .at = end};

  const absl::Time due = NextRefresh(grant, client->refresh);
  if (now < due) return {.kind = Kind::kWait, .at = due};
  const bool idle = now - grant.last_used_at >= client->refresh.idle_after;
  if (!idle) return {.kind = Kind::kRefresh, .at = due};
  const absl::Time keep_alive = KeepAliveAt(grant, client->refresh).value_or(end);
  if (now < keep_alive) return {.kind = Kind::kWait, .at = std::min(keep_alive, end)};
  return {.kind = Kind::kRefresh, .at = keep_alive};
}

}  // namespace tokenbroker::broker
