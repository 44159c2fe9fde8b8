#include "net/redis_cluster_listening.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace tokenbroker {

RedisClusterListening::RedisClusterListening(std::shared_ptr<RedisClusterNodes> nodes,
                                             RedisSubscription subscription,
                                             RedisSubscriberCallbacks callbacks)
    : nodes_(std::move(nodes)),
      subscription_(std::move(subscription)),
      callbacks_(std::move(callbacks)) {
  nodes_->StartFollowing(this, [this](const RedisSlotMap& map) { Follow(map); });
}

RedisClusterListening::~RedisClusterListening() {
  nodes_->StopFollowing(this);
  std::map<RedisNode, Primary> ended;
  const MutexLock lock(mutex_);
  ended = std::exchange(primaries_, {});
}

void RedisClusterListening::Follow(const RedisSlotMap& map) {
  std::vector<std::unique_ptr<RedisSubscriber>> ended;
  const MutexLock lock(mutex_);
  complete_ = map.IsComplete();
  for (auto primary = primaries_.begin(); primary != primaries_.end();) {
    if (std::binary_search(map.primaries.begin(), map.primaries.end(), primary->first)) {
      ++primary;
    } else {
      ended.push_back(std::move(primary->second.subscriber));
      primary = primaries_.erase(primary);
    }
  }
  for (const RedisNode& node : map.primaries) {
    Primary& primary = primaries_[node];
    if (primary.subscriber == nullptr) primary.subscriber = ListenTo(node);
  }
  Tell();
}

std::unique_ptr<RedisSubscriber> RedisClusterListening::ListenTo(const RedisNode& node) {
  RedisSubscriberCallbacks callbacks;
  callbacks.on_connected = [this, node] { SetHeard(node, true); };
  callbacks.on_disconnected = [this, node] { SetHeard(node, false); };
  callbacks.on_message = [this](std::string_view channel, const RedisReply& payload) {
    const MutexLock lock(mutex_);
    callbacks_.on_message(channel, payload);
  };
  return std::make_unique<RedisSubscriber>(nodes_->runtime(), nodes_->OptionsOf(node),
                                           subscription_, std::move(callbacks));
}

void RedisClusterListening::SetHeard(const RedisNode& node, bool heard) {
  const MutexLock lock(mutex_);
  const auto primary = primaries_.find(node);
  if (primary == primaries_.end()) return;
  primary->second.heard = heard;
  Tell();
}

void RedisClusterListening::Tell() {
  const bool connected =
      complete_ && std::all_of(primaries_.begin(), primaries_.end(),
                               [](const auto& entry) { return entry.second.heard; });
  if (connected == std::exchange(connected_, connected)) return;
  connected ? callbacks_.on_connected() : callbacks_.on_disconnected();
}

}  // namespace tokenbroker
