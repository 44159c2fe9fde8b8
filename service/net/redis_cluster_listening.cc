#include "net/redis_cluster_listening.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "net/redis_slot.h"

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
  const absl::Time now = nodes_->clock().Now();
  const MutexLock lock(mutex_);
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
  for (int slot = 0; slot < kRedisSlots; ++slot) {
    const RedisNode* owner = map.OwnerOf(slot);
    const RedisNode* before = map_.OwnerOf(slot);
    if (owner == nullptr || (before != nullptr && *before == *owner)) continue;
    Primary& primary = primaries_[*owner];
    if (primary.heard_since) primary.heard_since = now;
  }
  map_ = map;
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
  const absl::Time now = nodes_->clock().Now();
  const MutexLock lock(mutex_);
  const auto primary = primaries_.find(node);
  if (primary == primaries_.end()) return;
  primary->second.heard_since = heard ? std::optional(now) : std::nullopt;
  Tell();
}

std::optional<absl::Time> RedisClusterListening::HeardSince(std::string_view key) const {
  const MutexLock lock(mutex_);
  const RedisNode* owner = map_.OwnerOf(RedisSlotOf(key));
  if (owner == nullptr) return std::nullopt;
  const auto primary = primaries_.find(*owner);
  return primary == primaries_.end() ? std::nullopt : primary->second.heard_since;
}

void RedisClusterListening::Tell() {
  const bool connected =
      map_.IsComplete() && std::all_of(primaries_.begin(), primaries_.end(), [](const auto& entry) {
        return entry.second.heard_since.has_value();
      });
  if (connected == std::exchange(connected_, connected)) return;
  connected ? callbacks_.on_connected() : callbacks_.on_disconnected();
}

}  // namespace tokenbroker
