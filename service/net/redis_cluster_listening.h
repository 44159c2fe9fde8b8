// Listening to all primaries of a cluster as if they were one server.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "base/mutex.h"
#include "net/redis_cluster_nodes.h"
#include "net/redis_servers.h"
#include "net/redis_slot_map.h"
#include "net/redis_subscriber.h"

namespace tokenbroker {

// Each server tells of its own keys only: so nothing at all is missed only while all slots are
// served and each primary is listened to, which is what the callbacks are about. What is missed of
// one primary leaves the keys of the others alone: HeardSince. Thread-safe.
class RedisClusterListening final : public RedisListening {
 public:
  RedisClusterListening(std::shared_ptr<RedisClusterNodes> nodes, RedisSubscription subscription,
                        RedisSubscriberCallbacks callbacks);
  ~RedisClusterListening() override;

  std::optional<absl::Time> HeardSince(std::string_view key) const override
      ABSL_LOCKS_EXCLUDED(mutex_);

 private:
  struct Primary {
    std::unique_ptr<RedisSubscriber> subscriber;
    // Since when it is listened to and has all the slots that it has now; nothing while it is not
    // listened to. A slot that it is said to have only now it may have had for a while, and where
    // its changes were told until then is not known: all of its slots count anew.
    std::optional<absl::Time> heard_since;
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
  mutable Mutex mutex_;
  std::map<RedisNode, Primary> primaries_ ABSL_GUARDED_BY(mutex_);
  RedisSlotMap map_ ABSL_GUARDED_BY(mutex_);        // which they are of
  bool connected_ ABSL_GUARDED_BY(mutex_) = false;  // as the callbacks know it
};

}  // namespace tokenbroker
