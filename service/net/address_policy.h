// Which IP addresses outgoing HTTP may reach: what keeps a URL from outside away from inside.
#pragma once

#include <set>

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

// Public addresses are always allowed. Checked on the address that is about to be connected to,
// after name resolution, so that DNS cannot get around it.
struct AddressPolicy {
  std::set<AddressScope> also_allowed;  // Default: none.

  bool Allows(const asio::ip::address& address) const;
};

}  // namespace tokenbroker
