#include "net/redis_slot_map.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"
#include "net/redis_slot.h"

namespace tokenbroker {
namespace {

struct Range {
  std::size_t first = 0;
  std::size_t last = 0;
  RedisNode primary;
  int replicas = 0;
};

// [first, last, [host, port, id, ...], replica, ...]
std::optional<Range> ReadRange(const RedisReply& reply, std::string_view asked_host) {
  const auto* parts = reply.Array();
  if (parts == nullptr || parts->size() < 3) return std::nullopt;
  const auto* first = (*parts)[0].Integer();
  const auto* last = (*parts)[1].Integer();
  const auto* primary = (*parts)[2].Array();
  if (first == nullptr || last == nullptr || primary == nullptr || primary->size() < 2) {
    return std::nullopt;
  }
  const auto* port = (*primary)[1].Integer();
  const bool in_range = *first >= 0 && *first <= *last && *last < kRedisSlots;
  if (!in_range || port == nullptr || *port <= 0 || *port > 65535) return std::nullopt;
  Range range{.first = static_cast<std::size_t>(*first), .last = static_cast<std::size_t>(*last)};
  const std::string* host = (*primary)[0].String();
  const bool unknown = host == nullptr || host->empty() || *host == "?";
  range.primary.host = unknown ? std::string(asked_host) : *host;
  range.primary.port = static_cast<std::uint16_t>(*port);
  range.replicas = static_cast<int>(parts->size() - 3);
  return range;
}

}  // namespace

const RedisNode* RedisSlotMap::OwnerOf(int slot) const {
  if (owners.empty()) return nullptr;
  const std::uint16_t owner = owners[static_cast<std::size_t>(slot)];
  return owner == kNobody ? nullptr : &primaries[owner];
}

bool RedisSlotMap::IsComplete() const {
  return !owners.empty() && std::find(owners.begin(), owners.end(), kNobody) == owners.end();
}

std::optional<int> RedisSlotMap::ReplicasOf(const RedisNode& primary) const {
  const auto found = std::lower_bound(primaries.begin(), primaries.end(), primary);
  if (found == primaries.end() || *found != primary) return std::nullopt;
  return replicas[static_cast<std::size_t>(found - primaries.begin())];
}

std::optional<RedisSlotMap> ReadSlotMap(const RedisReply& reply, std::string_view asked_host) {
  if (reply.Array() == nullptr) return std::nullopt;
  std::vector<Range> ranges;
  RedisSlotMap map;
  for (const RedisReply& element : *reply.Array()) {
    std::optional<Range> range = ReadRange(element, asked_host);
    if (!range) return std::nullopt;
    map.primaries.push_back(range->primary);
    ranges.push_back(*std::move(range));
  }
  std::sort(map.primaries.begin(), map.primaries.end());
  map.primaries.erase(std::unique(map.primaries.begin(), map.primaries.end()), map.primaries.end());
  map.replicas.assign(map.primaries.size(), 0);
  map.owners.assign(kRedisSlots, RedisSlotMap::kNobody);
  for (const Range& range : ranges) {
    const auto owner = std::lower_bound(map.primaries.begin(), map.primaries.end(), range.primary) -
                       map.primaries.begin();
    int& replicas = map.replicas[static_cast<std::size_t>(owner)];
    replicas = std::max(replicas, range.replicas);
    for (std::size_t slot = range.first; slot <= range.last; ++slot) {
      map.owners[slot] = static_cast<std::uint16_t>(owner);
    }
  }
  return map;
}

std::optional<RedisNode> ReadRedirection(const RedisError& error, std::string_view asked_host) {
  const std::vector<std::string> words = absl::StrSplit(error.message, ' ');
  if (words.size() < 3) return std::nullopt;
  const auto colon = words[2].rfind(':');
  std::uint32_t port = 0;
  if (colon == std::string::npos || !absl::SimpleAtoi(words[2].substr(colon + 1), &port) ||
      port == 0 || port > 65535) {
    return std::nullopt;
  }
  std::string host = words[2].substr(0, colon);
  if (host.empty() || host == "?") host = std::string(asked_host);
  return RedisNode{.host = std::move(host), .port = static_cast<std::uint16_t>(port)};
}

}  // namespace tokenbroker
