// What a primary says of its replicas (INFO replication).
#pragma once

#include <string>

namespace tokenbroker {

// How many replicas follow the primary and confirm what it writes: those that are online and have
// said so within the last two seconds, as each does every second. Pure.
int ConfirmingReplicas(const std::string& info);

}  // namespace tokenbroker
