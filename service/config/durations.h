// Durations of the configuration as those of the program.
#pragma once

#include "absl/time/time.h"
#include "google/protobuf/duration.pb.h"

namespace tokenbroker::config {

inline absl::Duration ToDuration(const google::protobuf::Duration& duration) {
  return absl::Seconds(duration.seconds()) + absl::Nanoseconds(duration.nanos());
}

}  // namespace tokenbroker::config
