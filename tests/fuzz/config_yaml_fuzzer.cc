// Any text is either refused with faults that name their place, or gives a configuration.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "config/config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  const auto config = tokenbroker::config::ParseConfig(text, "fuzz.yaml");
  if (!config.ok() && config.status().message().substr(0, 10) != "fuzz.yaml:") std::abort();
  return 0;
}
