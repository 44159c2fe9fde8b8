// GetAccessToken: a token that is still good, from the cache while it can, from a refresh when it
// must.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "absl/time/time.h"
#include "base/clock.h"
#include "base/secret.h"
#include "base/task.h"
#include "broker/asker.h"
#include "broker/client.h"
#include "broker/token_cache.h"
#include "grants/grant_store.h"

namespace tokenbroker::broker {

struct ByGrantId {
  std::string grant_id;
};
struct BySubject {  // the newest active grant of that subject that covers the scopes
  std::string client;
  std::string subject;
};
struct ByClientCredentials {
  std::string client;
};

struct AccessTokenQuery {
  std::variant<ByGrantId, BySubject, ByClientCredentials> selector;
  std::vector<std::string> scopes;  // empty: all that were granted
  std::string audience;             // empty: the grant's own
  absl::Duration min_remaining_lifetime = absl::ZeroDuration();
  Secret rejected_access_token;  // empty: none
};

}  // namespace tokenbroker::broker
