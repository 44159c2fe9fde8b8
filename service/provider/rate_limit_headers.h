// What a provider says of its limit in the headers of every answer.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace tokenbroker::provider {

struct AdvertisedLimit {
  std::optional<std::int64_t> limit;  // requests of one window, or of a full bucket
  std::int64_t remaining = 0;         // that are left of it
  absl::Time reset;                   // when there are more; in the future, an hour at most
};

// Reads `x-ratelimit-limit`, `-remaining` and `-reset` (Auth0, GitHub), the same with
// `x-rate-limit-` (Okta) and with `ratelimit-` (an Internet-Draft). The reset is a Unix time in
// seconds or milliseconds, or a number of seconds from now: whichever is in the hour to come, since
// providers differ. Nothing where remaining or reset is missing or senseless. Names in lower case.
// Pure.
std::optional<AdvertisedLimit> ReadAdvertisedLimit(
    const std::vector<std::pair<std::string, std::string>>& headers, absl::Time now);

}  // namespace tokenbroker::provider
