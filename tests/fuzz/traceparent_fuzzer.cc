// The `traceparent` metadata that any caller may send: what is taken reads the same in a log.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>

#include "base/trace.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view value(reinterpret_cast<const char*>(bytes), size);
  const auto context = tokenbroker::ParseTraceparent(value);
  if (!context) return 0;
  const auto is_id = [](std::string_view id) {
    return id.find_first_not_of("0123456789abcdef") == id.npos &&
           id.find_first_not_of('0') != id.npos;
  };
  if (!is_id(context->trace_id_text()) || !is_id(context->span_id_text())) std::abort();
  // Written again in version 00 it is the same.
  const std::string again = "00-" + std::string(context->trace_id_text()) + "-" +
                            std::string(context->span_id_text()) +
                            (context->sampled ? "-01" : "-00");
  const auto read = tokenbroker::ParseTraceparent(again);
  if (!read || read->trace_id != context->trace_id || read->span_id != context->span_id ||
      read->sampled != context->sampled) {
    std::abort();
  }
  return 0;
}
