// What Redis answers: hiredis with our callbacks and limits, fed in two pieces.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "net/resp.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);
  const std::size_t cut = data[0] * bytes.size() / 255;
  tokenbroker::RespReader reader(1 << 16);
  for (const std::string_view piece : {bytes.substr(0, cut), bytes.substr(cut)}) {
    reader.Feed(piece);
    while (true) {
      const auto reply = reader.Next();
      if (!reply.ok()) return 0;
      if (!reply->has_value()) break;
    }
  }
  return 0;
}
