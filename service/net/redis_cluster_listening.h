// Listening to all primaries of a cluster as if they were one server.
#pragma once

#include <map>
#include <memory>

#include "absl/base/thread_annotations.h"
#include "base/mutex.h"
#include "net/redis_cluster_nodes.h"
#include "net/redis_servers.h"
#include "net/redis_slot_map.h"
#include "net/redis_subscriber.h"

namespace tokenbroker {

// Each server tells of its own keys only: so nothing is missed only while all slots are served and
// each primary is listened to. Thread-safe.
class RedisClusterListening final : public RedisListening {
 public:
  RedisClusterListening(std::shared_ptr<RedisClusterNodes> nodes, RedisSubscription subscription,
                        RedisSubscriberCallbacks callbacks);
  ~RedisClusterListening() override;

 private:
  struct Primary {
    std::unique_ptr<RedisSubscriber> subscriber;
    bool heard = false;  // being listened to
  };

  void Follow(const RedisSlotMap& map) ABSL_LOCKS_EXCLUDED(mutex_);
  std::unique_ptr<RedisSubscriber> ListenTo(const RedisNode& node);
  void SetHeard(const RedisNode& node, bool heard) ABSL_LOCKS_EXCLUDED(mutex_);
  // Calls on_connected or on_disconnected where that has changed.
  void Tell() ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const std::shared_ptr<RedisClusterNodes> nodes_;
  const RedisSubscription subscription_;
  const RedisSubscriberCallbacks callbacks_;

  // Held while a callback runs; never while a subscriber is destroyed, which waits for its own.
  Mutex mutex_;
  std::map<RedisNode, Primary> primaries_ ABSL_GUARDED_BY(mutex_);
  bool complete_ ABSL_GUARDED_BY(mutex_) = false;   // all slots are served
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;  // as the callbacks know it
};

}  // namespace tokenbroker
