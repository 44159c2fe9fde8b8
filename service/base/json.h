// JSON from outside, read strictly: what two parsers could read differently is refused here.
#pragma once

#include <cstddef>
#include <string_view>

#include "absl/status/statusor.h"
#include "nlohmann/json.hpp"

namespace tokenbroker {

using Json = nlohmann::json;

// Limits on what ParseJson accepts.
struct JsonLimits {
  std::size_t max_bytes = 1 << 20;  // of the text
  std::size_t max_depth = 32;       // nested objects and arrays
};

// Parses one JSON object and nothing after it but white space (RFC 8259).
//
// Refused, besides what is no JSON at all: a top level that is not an object, a member name given
// twice in one object at any depth, a byte-order mark, invalid UTF-8, lone surrogates, numbers out
// of range, and what exceeds `limits`.
//
// Errors: INVALID_ARGUMENT, with a message that names the fault but quotes nothing of the text.
// Pure and thread-safe; bounded stack whatever the nesting.
absl::StatusOr<Json> ParseJsonObject(std::string_view text, const JsonLimits& limits = {});

}  // namespace tokenbroker
