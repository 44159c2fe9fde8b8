// Cache headers of a key set: whatever they say, the lifetime is within bounds.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "provider/cache_lifetime.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace provider = tokenbroker::provider;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  // The first line is Cache-Control, the next one Age, the rest another Cache-Control.
  const auto first = text.substr(0, text.find('\n'));
  const auto rest = text.substr(std::min(text.size(), first.size() + 1));
  const auto second = rest.substr(0, rest.find('\n'));
  const auto third = rest.substr(std::min(rest.size(), second.size() + 1));
  const provider::LifetimeBounds bounds;
  const absl::Duration lifetime = provider::CacheLifetime({{"cache-control", std::string(first)},
                                                           {"age", std::string(second)},
                                                           {"cache-control", std::string(third)}},
                                                          bounds);
  if (lifetime < bounds.shortest || lifetime > bounds.longest) std::abort();
  return 0;
}
