// Texts from outside in a line of the log: whatever they are, it stays one line, and JSON stays
// JSON with the fields that were given.
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/json.h"
#include "telemetry/log_line.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  namespace telemetry = tokenbroker::telemetry;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const std::array<telemetry::Field, 2> fields = {{{"grant_id", text}, {"count", 7}}};
  for (const auto format : {telemetry::Format::kJson, telemetry::Format::kText}) {
    std::string line;
    telemetry::AppendLine(line, format, absl::FromUnixSeconds(1767225600), telemetry::Level::kInfo,
                          "event", fields);
    if (line.find('\n') != line.size() - 1) std::abort();
    for (const char c : line.substr(0, line.size() - 1)) {
      if (c < 0x20 || c > 0x7e) std::abort();
    }
    if (format == telemetry::Format::kText) continue;
    const auto json = tokenbroker::ParseJsonObject(line, {.max_bytes = 8 * size + 1000});
    if (!json.ok() || json->size() != 5 || (*json)["count"] != 7) std::abort();
    if ((*json)["grant_id"].get<std::string>().size() < size) std::abort();
  }
  return 0;
}
