#include "wiring/readiness.h"

#include <optional>
#include <utility>

#include "broker/pause.h"

namespace tokenbroker::wiring {
namespace {

// With providers that do not answer.
constexpr absl::Duration kPatience = absl::Seconds(5);
constexpr absl::Duration kLookEvery = absl::Milliseconds(20);

}  // namespace

Readiness::Readiness(broker::UseCases& use_cases, const telemetry::Log& log, Tell tell,
                     absl::Duration interval)
    : use_cases_(use_cases), log_(log), tell_(std::move(tell)), interval_(interval) {}

void Readiness::Prepare(const std::shared_ptr<Readiness>& readiness, Runtime& runtime,
                        std::shared_ptr<provider::HttpProvider> provider) {
  readiness->preparing_.fetch_add(1);
  runtime.Spawn(Fetch(readiness, std::move(provider)));
}

asio::awaitable<void> Readiness::Fetch(std::shared_ptr<Readiness> readiness,
                                       std::shared_ptr<provider::HttpProvider> provider) {
  co_await provider->Prefetch();
  readiness->preparing_.fetch_sub(1);
}

asio::awaitable<void> Readiness::Watch(std::shared_ptr<Readiness> readiness) {
  for (absl::Duration waited; waited < kPatience && readiness->preparing_.load() > 0;
       waited += kLookEvery) {
    co_await broker::Pause(kLookEvery);
  }
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
