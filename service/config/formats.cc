#include "config/formats.h"

#include <algorithm>

#include "config/uri.h"

namespace tokenbroker::config {
namespace {

bool IsLetterOrDigit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

bool IsName(std::string_view text) {
  return text.size() <= 63 && IsLetterOrDigit(text.front()) &&
         std::all_of(text.begin(), text.end(),
                     [](char c) { return IsLetterOrDigit(c) || c == '-' || c == '_' || c == '.'; });
}

bool IsScopeToken(std::string_view text) {
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > ' ' && c < 0x7F && c != '"' && c != '\\'; });
}

std::optional<std::string> CheckHttpsUrl(std::string_view text) {
  const auto uri = ParseUri(text);
  if (!uri) return "must be an absolute URL, such as https://idp.example.com/";
  if (uri->scheme != "https" && !(uri->scheme == "http" && IsLoopbackHost(uri->host))) {
    return "must begin with https://";
  }
  if (!uri->user_information.empty()) return "must not have a user name before the host";
  if (uri->has_fragment) return "must not have a fragment (#...)";
  return std::nullopt;
}

std::optional<std::string> CheckUri(std::string_view text) {
  const auto uri = ParseUri(text);
  if (!uri) return "must be an absolute URI, such as https://app.example.com/callback";
  if (!uri->user_information.empty()) return "must not have a user name before the host";
  if (uri->has_fragment) return "must not have a fragment (#...)";
  return std::nullopt;
}

}  // namespace

std::optional<std::string> CheckFormat(v1::Format format, std::string_view text) {
  switch (format) {
    case v1::FORMAT_NAME:
      if (IsName(text)) return std::nullopt;
      return "must be a name: up to 63 letters, digits, \"-\", \"_\" and \".\", beginning with a "
             "letter or a digit";
    case v1::FORMAT_SCOPE:
      if (IsScopeToken(text)) return std::nullopt;
      return "must be one scope, without spaces, quotes and backslashes; list several one by one";
    case v1::FORMAT_HTTPS_URL:
      return CheckHttpsUrl(text);
    case v1::FORMAT_URI:
      return CheckUri(text);
    case v1::FORMAT_ADDRESS:
      if (ParseAddress(text)) return std::nullopt;
      return "must be an address: host:port, [ipv6]:port or unix:/absolute/path";
    case v1::FORMAT_ADDRESS_BLOCK:
      if (IsAddressBlock(text)) return std::nullopt;
      return "must be an IP address or a block of them, such as 10.0.0.0/8";
    default:
      return std::nullopt;
  }
}

}  // namespace tokenbroker::config
