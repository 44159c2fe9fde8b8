// Looks at everything that a broker of one configuration depends on, from where it runs.
#pragma once

#include <string>

#include "base/clock.h"
#include "doctor/finding.h"

namespace tokenbroker::doctor {

// Reads the configuration at `file`, with its secrets and certificates, and asks its store and its
// providers. Changes nothing anywhere. A configuration that cannot be loaded is all that is found.
// Blocks for as long as what it asks takes to answer, at most about half a minute.
Findings Examine(const std::string& file, const Clock& clock);

}  // namespace tokenbroker::doctor
