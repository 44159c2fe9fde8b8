#include "oauth/url.h"

#include <algorithm>

#include "absl/strings/ascii.h"

namespace tokenbroker::oauth {
namespace {

constexpr std::string_view kHexDigits = "0123456789ABCDEF";

bool IsUnreserved(char c) {
  return absl::ascii_isalnum(static_cast<unsigned char>(c)) ||
         std::string_view("-._~").find(c) != std::string_view::npos;
}

bool IsHexDigit(char c) { return absl::ascii_isxdigit(static_cast<unsigned char>(c)); }

// Only what may stand in a path, a query or a fragment, with whole percent-encodings.
bool HasUriCharacters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (text.size() - i < 3 || !IsHexDigit(text[i + 1]) || !IsHexDigit(text[i + 2])) return false;
      i += 2;
    } else if (!IsUnreserved(text[i]) &&
               std::string_view("!$&'()*+,;=:@/?").find(text[i]) == std::string_view::npos) {
      return false;
    }
  }
  return true;
}

bool IsScheme(std::string_view text) {
  if (text.empty() || !absl::ascii_isalpha(static_cast<unsigned char>(text[0]))) return false;
  return std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '+' || c == '-' || c == '.';
  });
}

// Percent-encoded hosts are left out on purpose: two readers could mean two hosts.
bool IsHost(std::string_view text) {
  if (text.starts_with('[')) {
    return text.size() > 2 && text.ends_with(']') &&
           std::ranges::all_of(text.substr(1, text.size() - 2),
                               [](char c) { return IsHexDigit(c) || c == ':' || c == '.'; });
  }
  return std::ranges::all_of(text, [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '-' || c == '.' || c == '_';
  });
}

bool IsPort(std::string_view text) {
  if (text.empty() || text.size() > 5) return false;
  int port = 0;
  for (const char c : text) {
    if (!absl::ascii_isdigit(static_cast<unsigned char>(c))) return false;
    port = port * 10 + (c - '0');
  }
  return port >= 1 && port <= 65535;
}

bool SplitAuthority(std::string_view authority, UriParts& parts) {
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    if (!HasUriCharacters(authority.substr(0, at))) return false;
    parts.has_userinfo = true;
    authority.remove_prefix(at + 1);
  }
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    parts.port = authority.substr(colon + 1);
    if (!IsPort(parts.port)) return false;
    authority = authority.substr(0, colon);
  }
  parts.host = authority;
  return IsHost(parts.host);
}

bool EqualsIgnoringCase(std::string_view text, std::string_view lower_case) {
  return std::ranges::equal(text, lower_case, [](char a, char b) {
    return absl::ascii_tolower(static_cast<unsigned char>(a)) == b;
  });
}

}  // namespace

std::optional<UriParts> SplitUri(std::string_view text) {
  UriParts parts;
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !IsScheme(text.substr(0, colon))) return std::nullopt;
  parts.scheme = text.substr(0, colon);
  text.remove_prefix(colon + 1);
  if (const auto hash = text.find('#'); hash != std::string_view::npos) {
    parts.fragment = text.substr(hash + 1);
    text = text.substr(0, hash);
  }
  if (const auto mark = text.find('?'); mark != std::string_view::npos) {
    parts.query = text.substr(mark + 1);
    text = text.substr(0, mark);
  }
  if (text.starts_with("//")) {
    text.remove_prefix(2);
    parts.has_authority = true;
    const auto path = std::min(text.find('/'), text.size());
    if (!SplitAuthority(text.substr(0, path), parts)) return std::nullopt;
    text.remove_prefix(path);
  }
  parts.path = text;
  if (!HasUriCharacters(parts.path) || !HasUriCharacters(parts.query.value_or("")) ||
      !HasUriCharacters(parts.fragment.value_or(""))) {
    return std::nullopt;
  }
  return parts;
}

bool HasScheme(const UriParts& uri, std::string_view scheme) {
  return EqualsIgnoringCase(uri.scheme, scheme);
}

bool IsLoopback(const UriParts& uri) {
  return EqualsIgnoringCase(uri.host, "localhost") || uri.host == "127.0.0.1" ||
         uri.host == "[::1]";
}

std::string PercentEncode(std::string_view text) {
  std::string encoded;
  encoded.reserve(text.size());
  for (const char c : text) {
    if (IsUnreserved(c)) {
      encoded += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      encoded += '%';
      encoded += kHexDigits[byte >> 4];
      encoded += kHexDigits[byte & 15];
    }
  }
  return encoded;
}

}  // namespace tokenbroker::oauth
