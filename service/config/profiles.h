// What a client's `profile` makes of the rest of its configuration.
#pragma once

#include "config/faults.h"
#include "config/secrets.h"
#include "tokenbroker/config/v1/config.pb.h"

namespace tokenbroker::config {

// Gives the clients that have a profile what it wants, in the fields that the text does not have.
// Before the defaults.
void ApplyProfiles(v1::Config& config, const Locations& locations);

// A fault for every field that contradicts the profile of a client: the client's own, or its
// provider's. After the defaults.
void CheckProfiles(const v1::Config& config, Faults& faults);

// The same for what only the keys themselves can tell, which have been read.
void CheckProfileKeys(const v1::Config& config, const Secrets& secrets, Faults& faults);

}  // namespace tokenbroker::config
