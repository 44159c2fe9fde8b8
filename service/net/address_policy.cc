#include "net/address_policy.h"

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <string>

namespace tokenbroker {
namespace {

struct Block {
  std::uint32_t network;
  int prefix;
  AddressScope scope;
};

// IANA IPv4 special-purpose registry; what is not here is public.
constexpr Block kBlocks[] = {
    {0x00000000, 8, AddressScope::kReserved},  // 0.0.0.0/8: "this host", reaches loopback on Linux
    {0x0A000000, 8, AddressScope::kPrivate},   // 10.0.0.0/8
    {0x64646464, 32, AddressScope::kLinkLocal},  // 100.100.100.100, a cloud's metadata service
    {0x64400000, 10, AddressScope::kPrivate},    // 100.64.0.0/10
    {0x7F000000, 8, AddressScope::kLoopback},    // 127.0.0.0/8
    {0xA9FE0000, 16, AddressScope::kLinkLocal},  // 169.254.0.0/16
    {0xAC100000, 12, AddressScope::kPrivate},    // 172.16.0.0/12
    {0xC0000000, 24, AddressScope::kReserved},   // 192.0.0.0/24
    {0xC0000200, 24, AddressScope::kReserved},   // 192.0.2.0/24
    {0xC0586300, 24, AddressScope::kReserved},   // 192.88.99.0/24
    {0xC0A80000, 16, AddressScope::kPrivate},    // 192.168.0.0/16
    {0xC6120000, 15, AddressScope::kPrivate},    // 198.18.0.0/15
    {0xC6336400, 24, AddressScope::kReserved},   // 198.51.100.0/24
    {0xCB007100, 24, AddressScope::kReserved},   // 203.0.113.0/24
    {0xE0000000, 3, AddressScope::kReserved},    // 224.0.0.0/4 and 240.0.0.0/4
};

AddressScope ScopeOfV4(std::uint32_t address) {
  for (const Block& block : kBlocks) {
    const std::uint32_t mask = ~std::uint32_t{0} << (32 - block.prefix);
    if ((address & mask) == block.network) return block.scope;
  }
  return AddressScope::kPublic;
}

AddressScope ScopeOfV6(const asio::ip::address_v6& address) {
  const auto bytes = address.to_bytes();
  const auto starts_with = [&bytes](std::initializer_list<int> prefix) {
    std::size_t i = 0;
    for (const int byte : prefix) {
      if (bytes[i++] != byte) return false;
    }
    return true;
  };
  const auto v4_at = [&bytes](std::size_t offset) {
    std::uint32_t value = 0;
    for (std::size_t i = 0; i < 4; ++i) value = value << 8 | bytes[offset + i];
    return ScopeOfV4(value);
  };
  if (address.is_loopback()) return AddressScope::kLoopback;
  if (address.is_v4_mapped()) return v4_at(12);
  if (starts_with({0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0})) return v4_at(12);  // RFC 6052
  if (starts_with({0, 0x64, 0xFF, 0x9B, 0, 1})) return AddressScope::kPrivate;       // RFC 8215
  if (starts_with({0x20, 0x02})) return v4_at(2);                                    // RFC 3056
  if (address == asio::ip::make_address_v6("fd00:ec2::254")) return AddressScope::kLinkLocal;
  if (address.is_link_local()) return AddressScope::kLinkLocal;
  if ((bytes[0] & 0xFE) == 0xFC || address.is_site_local()) return AddressScope::kPrivate;
  if (starts_with({0x20, 0x01, 0x0D, 0xB8})) return AddressScope::kReserved;  // documentation
  if (starts_with({0x20, 0x01, 0, 0})) return AddressScope::kReserved;        // Teredo
  // Everything in use today is inside 2000::/3; the rest is unassigned, multicast or special.
  return (bytes[0] & 0xE0) == 0x20 ? AddressScope::kPublic : AddressScope::kReserved;
}

}  // namespace

AddressScope ScopeOf(const asio::ip::address& address) {
  return address.is_v4() ? ScopeOfV4(address.to_v4().to_uint()) : ScopeOfV6(address.to_v6());
}

std::optional<AddressBlock> AddressBlock::Parse(std::string_view text) {
  const auto slash = text.find('/');
  asio::error_code error;
  const auto network = asio::ip::make_address(std::string(text.substr(0, slash)), error);
  if (error) return std::nullopt;
  const int longest = network.is_v4() ? 32 : 128;
  int prefix = longest;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, failed] =
        std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
    const bool whole = failed == std::errc() && end == digits.data() + digits.size();
    if (!whole || prefix < 0 || prefix > longest) return std::nullopt;
  }
  return AddressBlock(network, prefix);
}

bool AddressBlock::Contains(const asio::ip::address& address) const {
  if (address.is_v6() && address.to_v6().is_v4_mapped() && network_.is_v4()) {
    return Contains(asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6()));
  }
  if (address.is_v4() != network_.is_v4()) return false;
  const auto same_bits = [this](const auto& a, const auto& b) {
    for (int bit = 0; bit < prefix_; ++bit) {
      const auto at = static_cast<std::size_t>(bit / 8);
      if (((a[at] ^ b[at]) & (0x80 >> (bit % 8))) != 0) return false;
    }
    return true;
  };
  return address.is_v4() ? same_bits(address.to_v4().to_bytes(), network_.to_v4().to_bytes())
                         : same_bits(address.to_v6().to_bytes(), network_.to_v6().to_bytes());
}

bool AddressPolicy::Allows(const asio::ip::address& address) const {
  const AddressScope scope = ScopeOf(address);
  return scope == AddressScope::kPublic || also_allowed.contains(scope) ||
         std::any_of(allowed_blocks.begin(), allowed_blocks.end(),
                     [&](const AddressBlock& block) { return block.Contains(address); });
}

}  // namespace tokenbroker
