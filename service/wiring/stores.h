// The store that the configuration asks for.
#pragma once

#include <memory>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "config/config.h"
#include "grants/grant_store.h"
#include "net/runtime.h"
#include "telemetry/log.h"

namespace tokenbroker::wiring {

// Makes the store; a Redis need not be reachable yet. `observer` is told of changes. Borrows all
// but the configuration.
absl::StatusOr<std::unique_ptr<grants::GrantStore>> StoreOf(const config::LoadedConfig& loaded,
                                                            Runtime& runtime, const Clock& clock,
                                                            grants::GrantObserver& observer);

}  // namespace tokenbroker::wiring
