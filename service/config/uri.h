// URIs and network addresses as far as a configuration has to be sure of them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace tokenbroker::config {

// An absolute URI taken apart (RFC 3986); nothing is decoded.
struct Uri {
  std::string scheme;  // lower case
  std::string user_information;
  std::string host;  // lower case; an IPv6 address without its brackets
  std::string port;  // digits, or empty
  std::string path;
  bool has_query = false;
  bool has_fragment = false;
};

// Nothing for what is not absolute, has no `scheme://host`, or holds characters that no URI has.
std::optional<Uri> ParseUri(std::string_view text);

// `localhost`, a name below it, 127.0.0.0/8 or ::1 as they are usually written.
bool IsLoopbackHost(std::string_view host);

// Where to connect or to listen: either a Unix socket or a host with a port.
struct Address {
  std::string unix_path;
  std::string host;
  int port = 0;
};

// "host:port", "[ipv6]:port" or "unix:/absolute/path" (up to 107 bytes); nothing for all else.
std::optional<Address> ParseAddress(std::string_view text);

// Whether `text` is an IP address, alone or with a prefix length ("10.0.0.0/8").
bool IsAddressBlock(std::string_view text);

}  // namespace tokenbroker::config
