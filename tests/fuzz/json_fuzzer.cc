// JSON from outside: what is taken is what an ordinary parser reads in it, and no text that parsers
// read differently is taken.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using tokenbroker::Json;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const auto strict = tokenbroker::ParseJsonObject(text, {.max_depth = 8});
  const Json lax = Json::parse(text.begin(), text.end(), nullptr, /*allow_exceptions=*/false);
  if (!strict.ok()) {
    if (strict.status().message().empty()) std::abort();
    return 0;
  }
  if (!strict->is_object() || *strict != lax) std::abort();
  if (text.find('\0') != text.npos) std::abort();
  // Written again it is taken again, and means the same.
  const std::string written = strict->dump();
  const auto again = tokenbroker::ParseJsonObject(written, {.max_bytes = 8 * size, .max_depth = 8});
  if (!again.ok() || *again != *strict) std::abort();
  return 0;
}
