// tokenctl doctor: what is wrong with a broker's surroundings, and what to do about it.
#pragma once

#include <string>

#include "output.h"

namespace tokenbroker::tokenctl {

// Examines what the configuration at `file` names, from this machine, and prints what was found: a
// table, or with `json` one finding a line. kFailed where there is a fault; warnings alone are kOk.
ExitCode RunDoctor(const std::string& file, bool json);

}  // namespace tokenbroker::tokenctl
