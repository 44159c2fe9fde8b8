#include "wiring/scheduling.h"

#include "config/durations.h"

namespace tokenbroker::wiring {

using config::ToDuration;

broker::SchedulerOptions SchedulerOptionsOf(const config::v1::Config& config) {
  const config::v1::RefreshScheduler& scheduler = config.refresh().scheduler();
  const auto in_all = static_cast<int>(scheduler.max_in_flight());
  int per_provider = config.providers_size() > 1 ? (in_all + 1) / 2 : in_all;
  if (scheduler.has_max_in_flight_per_provider()) {
    per_provider = static_cast<int>(scheduler.max_in_flight_per_provider());
  }
  return {.bounds = {.in_all = in_all, .per_provider = per_provider},
          .providers = config.providers_size(),
          .visibility = ToDuration(scheduler.visibility_timeout()),
          .poll_interval = ToDuration(scheduler.poll_interval()),
          .first_retry = ToDuration(scheduler.first_retry()),
          .longest_retry = ToDuration(scheduler.longest_retry())};
}

broker::ReconcilerOptions ReconcilerOptionsOf(const config::v1::Refresh& refresh) {
  return {
      .interval = ToDuration(refresh.reconciler().interval()),
      .max_grants_per_second = static_cast<double>(refresh.reconciler().max_grants_per_second())};
}

broker::ReaperOptions ReaperOptionsOf(const config::v1::Refresh& refresh) {
  broker::ReaperOptions options{.dry_run = refresh.reaper().dry_run()};
  if (refresh.reaper().has_unconfigured_after()) {
    options.rules.unconfigured_after = ToDuration(refresh.reaper().unconfigured_after());
  }
  return options;
}

}  // namespace tokenbroker::wiring
