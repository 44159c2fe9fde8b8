// In place of otlp_spans.cc where opentelemetry-cpp is not there.
#include "telemetry/otlp_spans.h"

namespace tokenbroker::telemetry {

std::unique_ptr<SpanSink> MakeOtlpSpans(OtlpOptions, const Log&) { return nullptr; }

}  // namespace tokenbroker::telemetry
