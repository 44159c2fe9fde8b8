// How long a fetched document may be used without asking again (RFC 9111 section 4.2).
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace tokenbroker::provider {

// What the operator allows; `shortest` <= `usual` <= `longest`.
struct LifetimeBounds {
  absl::Duration shortest = absl::Minutes(5);
  absl::Duration usual = absl::Hours(1);  // where the response does not say
  absl::Duration longest = absl::Hours(24);
};

// Reads `Cache-Control` and `Age` of a response, names in lower case. The answer is always within
// `bounds`: no-store, no-cache, a max-age of zero and one that is no number are the shortest, a
// max-age that no integer holds is the longest. Pure.
absl::Duration CacheLifetime(const std::vector<std::pair<std::string, std::string>>& headers,
                             const LifetimeBounds& bounds);

}  // namespace tokenbroker::provider
