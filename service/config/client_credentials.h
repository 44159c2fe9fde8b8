// What clients prove themselves to providers with, beside private keys: secrets that sign, and
// certificates.
#pragma once

#include "config/config.h"
#include "config/faults.h"

namespace tokenbroker::config {

// Sees that every secret that signs is long enough for its algorithm, and that every certificate
// and private key are a pair. The secrets of `loaded` have been read, and its files can be. No
// fault says anything of a secret.
void CheckClientCredentials(const LoadedConfig& loaded, Faults& faults);

}  // namespace tokenbroker::config
