// The whole broker: every part built by constructor and given to the next.
#pragma once

#include <memory>
#include <string>

#include "absl/status/statusor.h"
#include "base/clock.h"
#include "config/config.h"
#include "telemetry/line_sink.h"

namespace tokenbroker::wiring {

// Runs from Start until Stop or destruction. Not thread-safe: for main alone.
class Process {
 public:
  // Builds the parts and serves. `file` is where the configuration came from and is read again;
  // empty for the embedded one. Neither the store nor a provider need be reachable: health says
  // when the store is. Borrows `sink` and `clock`. Errors: INVALID_ARGUMENT with a message for
  // people (a certificate that cannot be read, an address that is taken).
  static absl::StatusOr<std::unique_ptr<Process>> Start(config::LoadedConfig config,
                                                        std::string file, telemetry::LineSink& sink,
                                                        const Clock& clock);
  ~Process();
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;

  // Reads the configuration again; see Reload. What is wrong with it goes to the log.
  void ReloadConfig();

  // Takes no new RPC, lets the running ones and the refreshes finish within server.drain_grace, and
  // returns when all is quiet. Once.
  void Stop();

 private:
  struct Parts;
  explicit Process(std::unique_ptr<Parts> parts);
  absl::Status ServeMetrics();

  std::unique_ptr<Parts> parts_;
};

}  // namespace tokenbroker::wiring
