// The nonces that a provider's servers want to see in DPoP proofs (RFC 9449 sections 8 and 9).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/synchronization/mutex.h"
#include "net/http_client.h"

namespace tokenbroker::provider {

// The newest nonce of each server, by origin: scheme, host and port. Thread-safe.
class DpopNonces {
 public:
  // The newest nonce of the server that `url` is on; "" where it has given none.
  std::string Find(std::string_view url) const ABSL_LOCKS_EXCLUDED(mutex_);

  // Keeps the DPoP-Nonce of an answer to a request for `url`, if there is exactly one and it is
  // well-formed. Returns whether there is.
  bool Remember(std::string_view url, const HttpResponse& response) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  mutable absl::Mutex mutex_;
  std::map<std::string, std::string> by_origin_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker::provider
