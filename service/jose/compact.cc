#include "jose/compact.h"

#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "base/base64url.h"
#include "base/error.h"
#include "base/status_macros.h"

namespace tokenbroker::jose {
namespace {

constexpr JsonLimits kHeaderLimits = {.max_bytes = 64 << 10, .max_depth = 16};

bool IsCompactCharacter(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '_' || c == '.';
}

}  // namespace

absl::Status MalformedJwt(std::string_view what_is_wrong) {
  return ErrorWithMessage(Reason::kJwtMalformed, what_is_wrong);
}

absl::StatusOr<std::vector<std::string_view>> SplitCompact(std::string_view compact,
                                                           std::size_t parts) {
  if (compact.size() > kMaxCompactBytes) return MalformedJwt("The JWT is too long.");
  // Before anything is cut at the dots: JSON serialisation could hold dots anywhere.
  if (!std::ranges::all_of(compact, IsCompactCharacter)) {
    return MalformedJwt("The JWT is not in compact serialisation.");
  }
  const auto found = static_cast<std::size_t>(std::ranges::count(compact, '.')) + 1;
  if (found != parts) {
    if (found == kJweParts) return MalformedJwt("The JWT is encrypted; a signed one is expected.");
    if (parts == kJweParts) return MalformedJwt("The JWT is not an encrypted one, as is expected.");
    return MalformedJwt("The JWT does not have three parts.");
  }
  std::vector<std::string_view> split;
  for (std::size_t dot = compact.find('.'); dot != compact.npos; dot = compact.find('.')) {
    split.push_back(compact.substr(0, dot));
    compact.remove_prefix(dot + 1);
  }
  split.push_back(compact);
  return split;
}

absl::StatusOr<std::string> DecodePart(std::string_view encoded) {
  auto bytes = Base64UrlDecode(encoded);
  if (!bytes) return MalformedJwt("A part of the JWT is not base64url.");
  return *std::move(bytes);
}

absl::StatusOr<std::optional<std::string>> StringParameter(const Json& header, const char* name) {
  const auto member = header.find(name);
  if (member == header.end()) return std::optional<std::string>();
  if (!member->is_string()) return MalformedJwt("A header parameter of the JWT is not a string.");
  return std::optional(member->get<std::string>());
}

absl::StatusOr<ProtectedHeader> ParseProtectedHeader(std::string_view encoded) {
  ASSIGN_OR_RETURN(const std::string text, DecodePart(encoded));
  auto members = ParseJsonObject(text, kHeaderLimits);
  if (!members.ok()) return MalformedJwt("The header of the JWT is not a JSON object.");
  ASSIGN_OR_RETURN(auto algorithm, StringParameter(*members, "alg"));
  ASSIGN_OR_RETURN(auto key_id, StringParameter(*members, "kid"));
  if (!algorithm) return MalformedJwt("The JWT does not say its algorithm.");
  if (members->contains("crit")) return Error(Reason::kCriticalHeaderUnknown);
  return ProtectedHeader{*std::move(members), *std::move(algorithm), std::move(key_id)};
}

}  // namespace tokenbroker::jose
