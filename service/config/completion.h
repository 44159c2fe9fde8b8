// What options.proto says about fields that are left out: which are required, and what the others
// are then.
#pragma once

#include "config/faults.h"
#include "google/protobuf/message.h"

namespace tokenbroker::config {

// Gives every field in `root`, at any depth, that is unset its default. A field that the text has
// is left alone, even where its value was refused.
void ApplyDefaults(google::protobuf::Message& root, const Locations& locations);

// A fault for every required field that the text does not have and for every choice not made.
// `root` is not changed.
void CheckRequired(google::protobuf::Message& root, const Locations& locations, Faults& faults);

}  // namespace tokenbroker::config
