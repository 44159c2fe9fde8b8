// Keeps health honest: SERVING while the store answers.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "broker/use_cases.h"
#include "telemetry/log.h"

namespace tokenbroker::wiring {

// Shared with the coroutine, which looks at it between two checks.
class Readiness {
 public:
  using Tell = std::function<void(bool serving)>;

  // Asks the store every `interval` and calls `tell` whenever the answer changes. Borrows
  // `use_cases` and `log`, which must outlive the runtime's Stop.
  Readiness(broker::UseCases& use_cases, const telemetry::Log& log, Tell tell,
            absl::Duration interval);

  // Runs until its runtime stops.
  static asio::awaitable<void> Watch(std::shared_ptr<Readiness> readiness);

 private:
  broker::UseCases& use_cases_;
  const telemetry::Log& log_;
  const Tell tell_;
  const absl::Duration interval_;
};

}  // namespace tokenbroker::wiring
