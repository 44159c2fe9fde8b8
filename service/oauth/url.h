// URIs, as far as the protocol looks into them: split strictly, never repaired (RFC 3986).
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tokenbroker::oauth {

// The parts of an absolute URI as they are written, views into the text that was split.
struct UriParts {
  std::string_view scheme;
  bool has_authority = false;  // `//` after the scheme
  bool has_userinfo = false;   // even an empty one
  std::string_view host;       // an IPv6 address with its brackets
  std::string_view port;       // digits, without the colon
  std::string_view path;
  std::optional<std::string_view> query;     // without `?`
  std::optional<std::string_view> fragment;  // without `#`
};

// Nothing where `text` has no scheme, a character that RFC 3986 does not have (white space,
// control characters, `\`, anything beyond ASCII), a broken percent-encoding, a host that is
// neither a name nor an IP address, or an impossible port. Pure and thread-safe.
std::optional<UriParts> SplitUri(std::string_view text);

// Whether the scheme is `scheme` (given in lower case), in any spelling.
bool HasScheme(const UriParts& uri, std::string_view scheme);

// Whether the host is `localhost`, `127.0.0.1` or `[::1]` (RFC 8252 section 7.3).
bool IsLoopback(const UriParts& uri);

// Everything but RFC 3986's unreserved characters as `%XX`; a space becomes `%20`.
std::string PercentEncode(std::string_view text);

}  // namespace tokenbroker::oauth
