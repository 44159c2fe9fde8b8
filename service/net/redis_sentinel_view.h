// What one Sentinel says of a primary and its replicas.
#pragma once

#include <optional>
#include <string>

#include "net/redis_reply.h"

namespace tokenbroker {

struct RedisSentinelView {
  std::string host;  // of the primary
  std::string port;
  int known = 0;  // all replicas, those included that are down or gone
  // How many could take its place: all but those that are down. One that has lost the primary, or
  // is only loading what it has, counts: a Sentinel prefers others, and promotes it where there are
  // none. All known ones while the primary is not well or is being replaced.
  int promotable = 0;
};

// Reads the replies to SENTINEL MASTER and SENTINEL REPLICAS. Where the second was refused (a user
// without the right), all that are known count. Nothing where the first is no such reply. Pure.
std::optional<RedisSentinelView> ReadSentinelView(const RedisReply& master,
                                                  const RedisReply& replicas);

}  // namespace tokenbroker
