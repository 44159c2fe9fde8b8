#include "wiring/readiness.h"

#include <optional>
#include <utility>

#include "broker/pause.h"

namespace tokenbroker::wiring {

Readiness::Readiness(broker::UseCases& use_cases, const telemetry::Log& log, Tell tell,
                     absl::Duration interval)
    : use_cases_(use_cases), log_(log), tell_(std::move(tell)), interval_(interval) {}

asio::awaitable<void> Readiness::Watch(std::shared_ptr<Readiness> readiness) {
  std::optional<bool> was_serving;
  while (true) {
    const absl::Status answer = co_await readiness->use_cases_.CheckStore();
    if (was_serving != answer.ok()) {
      was_serving = answer.ok();
      if (answer.ok()) {
        readiness->log_.Write(telemetry::Level::kInfo, "ready");
      } else {
        readiness->log_.Write(telemetry::Level::kWarning, "store unavailable");
      }
      readiness->tell_(answer.ok());
    }
    co_await broker::Pause(readiness->interval_);
  }
}

}  // namespace tokenbroker::wiring
