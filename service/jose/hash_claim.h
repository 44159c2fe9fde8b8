// `c_hash`, `at_hash` and `s_hash` (OIDC Core 3.1.3.6, 3.3.2.11; FAPI 1.0 part 2 section 5.1).
#pragma once

#include <string>
#include <string_view>

#include "jose/algorithm.h"

namespace tokenbroker::jose {

// What the claim must be for `value`: base64url of the left half of its hash. `hash` is that of the
// algorithm which signed the token (Jwt::hash), so that an unknown one cannot arise here. Never
// empty. `value` is the code, access token or state as ASCII bytes. Pure and thread-safe.
std::string HashClaim(HashFunction hash, std::string_view value);

}  // namespace tokenbroker::jose
