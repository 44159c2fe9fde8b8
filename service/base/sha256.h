// SHA-256 (FIPS 180-4), for fingerprints and keyed lookups.
#pragma once

#include <string>
#include <string_view>

namespace tokenbroker {

// The 32 raw bytes.
std::string Sha256(std::string_view bytes);

}  // namespace tokenbroker
