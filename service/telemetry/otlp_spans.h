// Spans to a collector, by OTLP over HTTP with opentelemetry-cpp, where the build has it.
#pragma once

#include <memory>
#include <string>

#include "base/trace.h"
#include "telemetry/log.h"

namespace tokenbroker::telemetry {

struct OtlpOptions {
  std::string endpoint;  // http or https
  std::string version;   // of the broker
  std::string instance;  // of this replica
};

// Spans are sent together, once a second, by a thread of its own. Those that come faster than they
// can be sent are dropped; that some could not be sent is logged, once a minute at most. The end of
// the sink sends what it still has, for two seconds at most. At most one at a time in a process.
// Borrows `log`. Null where the build has no opentelemetry-cpp: the configuration refuses it then.
std::unique_ptr<SpanSink> MakeOtlpSpans(OtlpOptions options, const Log& log);

}  // namespace tokenbroker::telemetry
