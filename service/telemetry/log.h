// The log of what happens to the broker itself; requests are told by telemetry/request_log.h.
//
//   log.Write(Level::kInfo, "listening", {{"address", address}});
//
// Each error is either returned or logged, never both.
#pragma once

#include <initializer_list>
#include <string_view>

#include "base/clock.h"
#include "telemetry/line_sink.h"
#include "telemetry/log_line.h"

namespace tokenbroker::telemetry {

// Thread-safe. Borrows the sink and the clock.
class Log {
 public:
  // Lines below `threshold` are not written.
  Log(LineSink& sink, const Clock& clock, Level threshold, Format format)
      : sink_(sink), clock_(clock), threshold_(threshold), format_(format) {}

  // `event` is a constant: what happened, in a few lower-case words. Writes at once. What happens
  // for an RPC whose caller traces it has its `trace_id` and `span_id`.
  void Write(Level level, std::string_view event, std::initializer_list<Field> fields = {}) const;

 private:
  LineSink& sink_;
  const Clock& clock_;
  const Level threshold_;
  const Format format_;
};

}  // namespace tokenbroker::telemetry
