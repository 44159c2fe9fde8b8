// What JWS and JWE have in common in their compact serialisation (RFC 7515 section 7.1, RFC 7516
// section 7.1). Used inside jose/ only.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "base/json.h"

namespace tokenbroker::jose {

// The longest token that is looked at, in bytes: far above ID tokens with thousands of groups.
inline constexpr std::size_t kMaxCompactBytes = std::size_t{1} << 20;

inline constexpr std::size_t kJwsParts = 3;
inline constexpr std::size_t kJweParts = 5;

absl::Status MalformedJwt(std::string_view what_is_wrong);

// The `parts` parts of `compact`, still encoded; they point into it.
// Errors: JWT_MALFORMED, with a message of its own where a JWS is a JWE or the other way round.
absl::StatusOr<std::vector<std::string_view>> SplitCompact(std::string_view compact,
                                                           std::size_t parts);

// Decodes one part. Errors: JWT_MALFORMED.
absl::StatusOr<std::string> DecodePart(std::string_view encoded);

// A header parameter that is a string where it is there at all. Errors: JWT_MALFORMED otherwise.
absl::StatusOr<std::optional<std::string>> StringParameter(const Json& header, const char* name);

// What every header is read for first.
struct ProtectedHeader {
  Json members;
  std::string algorithm;  // `alg` as it stands there
  std::optional<std::string> key_id;
};

// Errors: JWT_MALFORMED; CRITICAL_HEADER_UNKNOWN for any `crit`: no extension is understood here.
absl::StatusOr<ProtectedHeader> ParseProtectedHeader(std::string_view encoded);

}  // namespace tokenbroker::jose
