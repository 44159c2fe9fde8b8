// What Redis answers: hiredis with our callbacks and limits, fed in two pieces, and what is read
// out of replies: the slots of a cluster, redirections, errors. The first byte says where to cut.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <initializer_list>
#include <string_view>
#include <vector>

#include "base/error.h"
#include "net/redis_slot.h"
#include "net/redis_slot_map.h"
#include "net/resp.h"

namespace {

using namespace tokenbroker;  // NOLINT: a fuzzer is one function

// Every whole reply before the first fault. A cut through the bytes must make no difference.
std::vector<RedisReply> Read(std::initializer_list<std::string_view> pieces) {
  RespReader reader(1 << 16);
  std::vector<RedisReply> replies;
  for (const std::string_view piece : pieces) {
    reader.Feed(piece);
    while (true) {
      auto reply = reader.Next();
      if (!reply.ok()) {
        if (!HasReason(reply.status(), Reason::kStoreUnavailable)) std::abort();
        return replies;
      }
      if (!reply->has_value()) break;
      replies.push_back(**std::move(reply));
    }
  }
  return replies;
}

void CheckNode(const RedisNode& node) {
  if (node.port == 0 || node.host.empty()) std::abort();
}

void CheckMap(const RedisSlotMap& map) {
  for (int slot = 0; slot < kRedisSlots; ++slot) {
    if (const RedisNode* owner = map.OwnerOf(slot)) CheckNode(*owner);
  }
  (void)map.IsComplete();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] * bytes.size() / 255;
  const std::vector<RedisReply> replies = Read({bytes.substr(0, cut), bytes.substr(cut)});
  if (Read({bytes}) != replies) std::abort();
  for (const RedisReply& reply : replies) {
    if (const auto map = ReadSlotMap(reply, "asked.example")) CheckMap(*map);
    const RedisError* error = reply.Error();
    if (error == nullptr) continue;
    if (const auto node = ReadRedirection(*error, "asked.example")) CheckNode(*node);
    // Whatever Redis says, none of it goes on but the one word.
    const absl::Status status = StatusOfRedisError(*error);
    if (!ReasonOf(status) || MetadataOf(status)["redis_error"].size() > 16) std::abort();
  }
  return 0;
}
