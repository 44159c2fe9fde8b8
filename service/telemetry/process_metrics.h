// What the kernel knows of this process, under the names that Prometheus' own libraries give it.
#pragma once

#include "telemetry/metrics.h"

namespace tokenbroker::telemetry {

// Reads /proc/self; leaves out what is not there. A Metrics::Source.
void TellProcess(Scrape& scrape);

}  // namespace tokenbroker::telemetry
