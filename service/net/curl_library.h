// libcurl set up for the whole process.
#pragma once

#include "absl/status/status.h"

namespace tokenbroker {

// Initialises libcurl, once, with an allocator that wipes what it frees: libcurl copies headers and
// bodies into buffers of its own. Nothing else in the process may have initialised it before.
//
// Errors: INTERNAL where this libcurl cannot do TLS or can only resolve names by blocking.
// Thread-safe.
absl::Status InitializeCurl();

}  // namespace tokenbroker
