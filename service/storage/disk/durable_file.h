// Files that are whole or not there, and that outlive a machine that stops.
#pragma once

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace tokenbroker::storage {

// Writes `bytes` to `path`, in place of what was there, by way of `path` + ".new", readable by this
// user alone. Once this returns OK both file and name are on disk.
// Errors: INTERNAL, whose message says what failed, with the path and the system's words.
absl::Status WriteDurably(const std::string& path, std::string_view bytes);

// Errors: the same.
absl::StatusOr<std::string> ReadWhole(const std::string& path);

// Makes the names in `folder` durable, after files came or went. Errors: the same.
absl::Status SyncFolder(const std::string& folder);

// What the system says of `errno`, about `path`. INTERNAL.
absl::Status SystemError(std::string_view what, const std::string& path);

}  // namespace tokenbroker::storage
