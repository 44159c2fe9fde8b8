// Reading files whose size is bounded.
#pragma once

#include <cstddef>
#include <string>

#include "absl/status/statusor.h"

namespace tokenbroker {

// A larger file is refused wherever the configuration names one.
inline constexpr std::size_t kMaxNamedFileBytes = 16 << 20;

// The whole file, if it has `max_bytes` at most.
//
// Errors: NOT_FOUND, PERMISSION_DENIED, INVALID_ARGUMENT for what is too large or no file; the
// message says why and does not repeat the path.
absl::StatusOr<std::string> ReadFile(const std::string& path, std::size_t max_bytes);

}  // namespace tokenbroker
