#include "config/uri.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>

namespace tokenbroker::config {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
constexpr std::string_view kDigits = "0123456789";

bool IsIn(char c, std::string_view set) { return set.find(c) != std::string_view::npos; }

std::string ToLower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return lower;
}

bool HasOnlyUriCharacters(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (c == '%') {
      if (i + 2 >= text.size() || !IsIn(text[i + 1], "0123456789abcdefABCDEF") ||
          !IsIn(text[i + 2], "0123456789abcdefABCDEF")) {
        return false;
      }
    } else if (!IsIn(c, kLetters) && !IsIn(c, kDigits) && !IsIn(c, "-._~:/?#[]@!$&'()*+,;=")) {
      return false;
    }
  }
  return true;
}

bool IsIpv4(std::string_view text) {
  std::array<unsigned char, 4> bytes{};
  return inet_pton(AF_INET, std::string(text).c_str(), bytes.data()) == 1;
}

bool IsIpv6(std::string_view text) {
  std::array<unsigned char, 16> bytes{};
  return inet_pton(AF_INET6, std::string(text).c_str(), bytes.data()) == 1;
}

bool IsHostName(std::string_view text) {
  if (text.empty() || text.size() > 253 || text.front() == '.' || text.front() == '-') return false;
  if (text.find("..") != std::string_view::npos) return false;
  return std::all_of(text.begin(), text.end(), [](char c) {
    return IsIn(c, kLetters) || IsIn(c, kDigits) || IsIn(c, "-._");
  });
}

std::optional<int> ParsePort(std::string_view text) {
  int port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc() || end != text.data() + text.size() || port < 0 || port > 65535) {
    return std::nullopt;
  }
  return port;
}

// Takes "host" or "host:port" or "[ipv6]:port" apart; `port` is empty where there is none.
bool SplitHostPort(std::string_view text, std::string& host, std::string& port) {
  std::string_view rest;
  if (text.starts_with("[")) {
    const auto end = text.find(']');
    if (end == std::string_view::npos || !IsIpv6(text.substr(1, end - 1))) return false;
    host = ToLower(text.substr(1, end - 1));
    rest = text.substr(end + 1);
  } else {
    const auto colon = text.find(':');
    host = ToLower(text.substr(0, colon));
    if (!IsHostName(host)) return false;
    rest = colon == std::string_view::npos ? std::string_view() : text.substr(colon);
  }
  if (rest.empty()) return true;
  if (rest.front() != ':' || !ParsePort(rest.substr(1))) return false;
  port = rest.substr(1);
  return true;
}

}  // namespace

std::optional<Uri> ParseUri(std::string_view text) {
  if (!HasOnlyUriCharacters(text)) return std::nullopt;
  const auto scheme_end = text.find("://");
  if (scheme_end == std::string_view::npos || scheme_end == 0) return std::nullopt;
  Uri uri;
  uri.scheme = ToLower(text.substr(0, scheme_end));
  if (!IsIn(uri.scheme.front(), kLetters) ||
      !std::all_of(uri.scheme.begin(), uri.scheme.end(), [](char c) {
        return IsIn(c, kLetters) || IsIn(c, kDigits) || IsIn(c, "+-.");
      })) {
    return std::nullopt;
  }
  std::string_view rest = text.substr(scheme_end + 3);
  if (const auto fragment = rest.find('#'); fragment != std::string_view::npos) {
    uri.has_fragment = true;
    rest = rest.substr(0, fragment);
  }
  if (const auto query = rest.find('?'); query != std::string_view::npos) {
    uri.has_query = true;
    rest = rest.substr(0, query);
  }
  const auto authority_end = rest.find('/');
  std::string_view authority = rest.substr(0, authority_end);
  if (authority_end != std::string_view::npos) uri.path = rest.substr(authority_end);
  if (const auto at = authority.rfind('@'); at != std::string_view::npos) {
    uri.user_information = authority.substr(0, at + 1);
    authority.remove_prefix(at + 1);
  }
  if (!SplitHostPort(authority, uri.host, uri.port)) return std::nullopt;
  return uri;
}

bool IsLoopbackHost(std::string_view host) {
  return host == "localhost" || host.ends_with(".localhost") || host == "::1" ||
         (host.starts_with("127.") && IsIpv4(host));
}

std::optional<Address> ParseAddress(std::string_view text) {
  Address address;
  if (text.starts_with("unix:")) {
    address.unix_path = text.substr(5);
    if (address.unix_path.size() < 2 || address.unix_path.size() > 107 ||
        address.unix_path.front() != '/') {
      return std::nullopt;
    }
    return address;
  }
  std::string port;
  if (!SplitHostPort(text, address.host, port) || port.empty()) return std::nullopt;
  address.port = *ParsePort(port);
  return address;
}

bool IsAddressBlock(std::string_view text) {
  const auto slash = text.find('/');
  const auto address = text.substr(0, slash);
  const bool v4 = IsIpv4(address);
  if (!v4 && !IsIpv6(address)) return false;
  if (slash == std::string_view::npos) return true;
  const auto length_text = text.substr(slash + 1);
  const auto length = ParsePort(length_text);
  return length && *length <= (v4 ? 32 : 128);
}

}  // namespace tokenbroker::config
