// Which IP addresses outgoing HTTP may reach: what keeps a URL from outside away from inside.
#pragma once

#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "asio/ip/address.hpp"

namespace tokenbroker {

enum class AddressScope {
  kPublic,
  kLoopback,   // 127.0.0.0/8, ::1
  kPrivate,    // RFC 1918, RFC 4193, shared address space (RFC 6598), benchmarking
  kLinkLocal,  // 169.254.0.0/16 and fe80::/10, and the clouds' metadata addresses with them
  kReserved,   // unspecified, multicast, broadcast, documentation, future use
};

// The scope of `address`; an IPv4 address inside an IPv6 one (mapped, NAT64, 6to4) counts as
// itself.
AddressScope ScopeOf(const asio::ip::address& address);

// A range such as `10.20.0.0/16` or `fd00::/8`.
class AddressBlock {
 public:
  // Nothing where `text` is no address with an optional prefix length.
  static std::optional<AddressBlock> Parse(std::string_view text);

  // An IPv4 address inside a mapped IPv6 one counts as itself.
  bool Contains(const asio::ip::address& address) const;

 private:
  AddressBlock(const asio::ip::address& network, int prefix) : network_(network), prefix_(prefix) {}

  asio::ip::address network_;
  int prefix_;
};

// Public addresses are always allowed. Checked on the address that is about to be connected to,
// after name resolution, so that DNS cannot get around it.
struct AddressPolicy {
  std::set<AddressScope> also_allowed;       // Default: none.
  std::vector<AddressBlock> allowed_blocks;  // whatever their scope. Default: none.

  bool Allows(const asio::ip::address& address) const;
};

}  // namespace tokenbroker
