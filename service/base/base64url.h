// Base64url without padding, as JOSE writes it (RFC 7515 appendix C), decoded strictly.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tokenbroker {

std::string Base64UrlEncode(std::string_view bytes);

// Nothing where `text` has a character outside the alphabet, padding, white space, an impossible
// length, or bits set beyond the last byte: each value has exactly one encoding.
std::optional<std::string> Base64UrlDecode(std::string_view text);

// Standard base64 with padding (RFC 4648 section 4), for HTTP Basic authentication.
std::string Base64Encode(std::string_view bytes);

}  // namespace tokenbroker
