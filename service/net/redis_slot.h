// Which of a cluster's slots a key belongs to.
#pragma once

#include <string_view>

namespace tokenbroker {

inline constexpr int kRedisSlots = 16384;

// CRC16 (XMODEM) of the key, or of its hash tag: what stands between the first `{` and the next
// `}`, where that is not empty (Redis Cluster specification). Pure.
int RedisSlotOf(std::string_view key);

// The hash tag of `key`, or all of it: keys that have it in common share a slot.
std::string_view RedisHashTagOf(std::string_view key);

}  // namespace tokenbroker
