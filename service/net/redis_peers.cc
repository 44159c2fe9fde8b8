#include "net/redis_peers.h"

#include <utility>

#include "net/redis_pipeline.h"

namespace tokenbroker {

void RedisPeers::Join(std::weak_ptr<RedisPipeline> pipeline) {
  const MutexLock lock(mutex_);
  all_.push_back(std::move(pipeline));
}

void RedisPeers::TellOthers(const RedisPipeline& pipeline) {
  const MutexLock lock(mutex_);
  for (const auto& weak : all_) {
    const auto other = weak.lock();
    if (other != nullptr && other.get() != &pipeline) other->EndPause();
  }
}

}  // namespace tokenbroker
