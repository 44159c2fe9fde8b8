// Messages that Redis sends of its own accord, over a connection that comes back by itself.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "net/redis_session.h"
#include "net/runtime.h"

namespace tokenbroker {

// What is listened to.
struct RedisSubscription {
  std::vector<std::string> channels = {};
  // Key prefixes whose changes are wanted (CLIENT TRACKING ... BCAST): each comes as a message on
  // kRedisInvalidateChannel, with an array of keys, or nil after FLUSHALL.
  std::vector<std::string> tracked_prefixes = {};
};

inline constexpr std::string_view kRedisInvalidateChannel = "__redis__:invalidate";

// Called one at a time, on one of the runtime's threads, and not to block it.
struct RedisSubscriberCallbacks {
  // From here on nothing is missed, until the next on_disconnected. What happened before is
  // unknown.
  std::function<void()> on_connected;
  std::function<void()> on_disconnected;
  std::function<void(std::string_view channel, const RedisReply& payload)> on_message;
};

// Tracking and listening are on one connection, redirected to itself, so that one cannot be lost
// without the other. A connection that stays silent for two ping intervals counts as lost.
//
// Thread-safe. No callback begins after the destructor has returned.
class RedisSubscriber final {
 public:
  // Starts to connect. Borrows `runtime`.
  RedisSubscriber(Runtime& runtime, std::shared_ptr<const RedisOptions> options,
                  RedisSubscription subscription, RedisSubscriberCallbacks callbacks);
  // Not to be called from a callback. Waits for one that is running.
  ~RedisSubscriber();
  RedisSubscriber(const RedisSubscriber&) = delete;
  RedisSubscriber& operator=(const RedisSubscriber&) = delete;

  // Leaves the server and finds it anew, at once: on_disconnected, then on_connected.
  void Reconnect();

 private:
  class Listener;
  const std::shared_ptr<Listener> listener_;
};

}  // namespace tokenbroker
