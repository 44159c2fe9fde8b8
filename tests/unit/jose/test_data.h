// What the files in tests/testdata/jose hold, and what a Wycheproof directory does.
#pragma once

#include <string>

#include "base/json.h"

namespace tokenbroker::jose {

// The bytes of a file in tests/testdata/jose. Crashes where there is none.
std::string ReadTestData(const std::string& name);

// The same, parsed as JSON.
Json LoadTestData(const std::string& name);

// The JSON of a file of the directory that the environment names in WYCHEPROOF_DIR; null where the
// variable is not set. Crashes where it is and the file is missing.
Json LoadWycheproof(const std::string& name);

// Wycheproof writes a key either as an object or as a string that holds one.
Json UnpackKey(const Json& key);

}  // namespace tokenbroker::jose
