#include "net/redis_sentinel_view.h"

#include <algorithm>
#include <initializer_list>
#include <set>
#include <string_view>

#include "absl/strings/numbers.h"
#include "absl/strings/str_split.h"

namespace tokenbroker {
namespace {

// The value beside `name`: names and values in turn. Empty where there is none.
std::string ValueOf(const RedisReply& reply, std::string_view name) {
  const auto* fields = reply.Array();
  for (std::size_t i = 0; fields != nullptr && i + 1 < fields->size(); i += 2) {
    const std::string* field = (*fields)[i].String();
    const std::string* value = (*fields)[i + 1].String();
    if (field != nullptr && value != nullptr && *field == name) return *value;
  }
  return {};
}

bool HasAny(const std::set<std::string>& flags, std::initializer_list<const char*> wanted) {
  return std::any_of(wanted.begin(), wanted.end(),
                     [&](const char* flag) { return flags.contains(flag); });
}

std::set<std::string> FlagsOf(const RedisReply& reply) {
  return absl::StrSplit(ValueOf(reply, "flags"), ',');
}

bool CouldBePromoted(const RedisReply& replica) {
  const std::set<std::string> flags = FlagsOf(replica);
  return flags.contains("promoted") || !HasAny(flags, {"s_down", "o_down", "disconnected"});
}

}  // namespace

std::optional<RedisSentinelView> ReadSentinelView(const RedisReply& master,
                                                  const RedisReply& replicas) {
  RedisSentinelView view{.host = ValueOf(master, "ip"), .port = ValueOf(master, "port")};
  if (view.host.empty() || view.port.empty() ||
      !absl::SimpleAtoi(ValueOf(master, "num-slaves"), &view.known)) {
    return std::nullopt;
  }
  view.promotable = view.known;
  const bool well =
      !HasAny(FlagsOf(master), {"s_down", "o_down", "disconnected", "failover_in_progress"});
  if (!well || replicas.Array() == nullptr) return view;
  view.promotable = static_cast<int>(std::ranges::count_if(*replicas.Array(), CouldBePromoted));
  return view;
}

}  // namespace tokenbroker
