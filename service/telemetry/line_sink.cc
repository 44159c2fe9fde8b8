#include "telemetry/line_sink.h"

#include <unistd.h>

#include <cerrno>

namespace tokenbroker::telemetry {

void DescriptorSink::Write(std::string_view lines) {
  MutexLock lock(mutex_);
  while (!lines.empty()) {
    const ssize_t written = ::write(descriptor_, lines.data(), lines.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return;
    lines.remove_prefix(static_cast<std::size_t>(written));
  }
}

}  // namespace tokenbroker::telemetry
