// The connections to one Redis server, who tell each other that it is there.
#pragma once

#include <memory>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"

namespace tokenbroker {

class RedisPipeline;

// Each finds out by itself that its server is gone, and pauses between attempts. What one of them
// finds out, that the server is back, spares the others the rest of their pause: otherwise a caller
// would be refused by one connection right after another had served it. Thread-safe.
class RedisPeers {
 public:
  void Join(std::weak_ptr<RedisPipeline> pipeline) ABSL_LOCKS_EXCLUDED(mutex_);
  // Has all but `pipeline` connect at once where they pause.
  void TellOthers(const RedisPipeline& pipeline) ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  Mutex mutex_;
  std::vector<std::weak_ptr<RedisPipeline>> all_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace tokenbroker
