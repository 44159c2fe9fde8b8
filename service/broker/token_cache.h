// The near cache: access tokens (never refresh tokens) in the process, found without a lock that
// all cores share and without I/O.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/time/time.h"
#include "base/secret.h"

namespace tokenbroker::broker {

// One access token as it is handed out. Immutable but for `stale`.
struct CachedToken {
  std::string grant_id;
  std::string owner;  // the caller whose grant it is
  std::string client;
  Secret value;
  std::string token_type;
  absl::Time expires_at;
  absl::Time obtained_at;
  absl::Time refresh_after;  // from here on a refresh behind the caller's back makes sense
  std::vector<std::string> scopes;
  std::string audience;  // as selected; may be empty
  std::uint64_t generation = 0;
  // Set when the grant changed: whoever still holds the snapshot must look again.
  mutable std::atomic<bool> stale = false;
  // Set by the first who starts a refresh ahead of time.
  mutable std::atomic<bool> refresh_begun = false;
};

using TokenSnapshot = std::shared_ptr<const CachedToken>;

}  // namespace tokenbroker::broker
