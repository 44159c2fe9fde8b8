#include "telemetry/log.h"

#include <string>

namespace tokenbroker::telemetry {

void Log::Write(Level level, std::string_view event, std::initializer_list<Field> fields) const {
  if (level < threshold_) return;
  std::string line;
  AppendLine(line, format_, clock_.Now(), level, event, {fields.begin(), fields.size()});
  sink_.Write(line);
}

}  // namespace tokenbroker::telemetry
