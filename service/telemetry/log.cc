#include "telemetry/log.h"

#include <string>
#include <vector>

#include "base/trace.h"

namespace tokenbroker::telemetry {

void Log::Write(Level level, std::string_view event, std::initializer_list<Field> fields) const {
  if (level < threshold_) return;
  std::string line;
  const Trace* const trace = CurrentTrace().get();
  if (trace == nullptr) {
    AppendLine(line, format_, clock_.Now(), level, event, {fields.begin(), fields.size()});
  } else {
    std::vector<Field> all(fields);
    all.push_back({"trace_id", trace->context.trace_id_text()});
    all.push_back({"span_id", trace->context.span_id_text()});
    AppendLine(line, format_, clock_.Now(), level, event, all);
  }
  sink_.Write(line);
}

}  // namespace tokenbroker::telemetry
