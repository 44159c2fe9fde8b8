// Keeps health honest: SERVING while the store answers, once the providers have been looked at.
#pragma once

#include <atomic>
#include <functional>
#include <memory>

#include "absl/time/time.h"
#include "asio/awaitable.hpp"
#include "broker/use_cases.h"
#include "net/runtime.h"
#include "provider/http_provider.h"
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

  // Lets the provider's metadata be fetched before the first caller needs it: the broker is not
  // ready before that has ended, well or not, nor longer than a few seconds because of it. A
  // provider that is away is no reason to keep the others' grants back. To be called before Watch.
  static void Prepare(const std::shared_ptr<Readiness>& readiness, Runtime& runtime,
                      std::shared_ptr<provider::HttpProvider> provider);

  // Runs until its runtime stops.
  static asio::awaitable<void> Watch(std::shared_ptr<Readiness> readiness);

 private:
  static asio::awaitable<void> Fetch(std::shared_ptr<Readiness> readiness,
                                     std::shared_ptr<provider::HttpProvider> provider);

  broker::UseCases& use_cases_;
  const telemetry::Log& log_;
  const Tell tell_;
  const absl::Duration interval_;
  std::atomic<int> preparing_ = 0;
};

}  // namespace tokenbroker::wiring
