// Which server of a cluster has which slots, as CLUSTER SLOTS tells it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "net/redis_reply.h"

namespace tokenbroker {

// Where a server of a cluster listens.
struct RedisNode {
  std::string host;
  std::uint16_t port = 0;

  friend auto operator<=>(const RedisNode&, const RedisNode&) = default;
};

// Immutable after ReadSlotMap.
struct RedisSlotMap {
  static constexpr std::uint16_t kNobody = 0xffff;

  std::vector<RedisNode> primaries;   // each once, in order
  std::vector<int> replicas;          // of each: those that follow it and have not failed
  std::vector<std::uint16_t> owners;  // by slot: the index of its primary, or kNobody

  // Null where nobody has the slot.
  const RedisNode* OwnerOf(int slot) const;
  bool IsComplete() const;  // every slot has an owner
  // `replicas` of that primary; nothing where it is none.
  std::optional<int> ReplicasOf(const RedisNode& primary) const;

  friend bool operator==(const RedisSlotMap&, const RedisSlotMap&) = default;
};

// Reads the reply to CLUSTER SLOTS. A server that does not know its own host is at `asked_host`.
// Nothing where it is not such a reply.
std::optional<RedisSlotMap> ReadSlotMap(const RedisReply& reply, std::string_view asked_host);

// Where MOVED and ASK lead: `MOVED 3999 10.0.0.1:6381`. Without a host it is `asked_host`.
std::optional<RedisNode> ReadRedirection(const RedisError& error, std::string_view asked_host);

}  // namespace tokenbroker
