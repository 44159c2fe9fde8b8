// What keeps grants fresh without a caller, as it is configured.
#pragma once

#include "broker/reaper.h"
#include "broker/reconciler.h"
#include "broker/scheduler.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::wiring {

broker::SchedulerOptions SchedulerOptionsOf(const config::v1::Config& config);
broker::ReconcilerOptions ReconcilerOptionsOf(const config::v1::Refresh& refresh);
broker::ReaperOptions ReaperOptionsOf(const config::v1::Refresh& refresh);

}  // namespace tokenbroker::wiring
