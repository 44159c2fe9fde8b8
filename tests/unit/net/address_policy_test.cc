#include "net/address_policy.h"

#include "gtest/gtest.h"

namespace tokenbroker::testing {
namespace {

struct ScopeCase {
  const char* address;
  AddressScope scope;
};

constexpr ScopeCase kCases[] = {
    {"8.8.8.8", AddressScope::kPublic},
    {"2606:4700::1111", AddressScope::kPublic},
    {"127.0.0.1", AddressScope::kLoopback},
    {"127.255.255.254", AddressScope::kLoopback},
    {"::1", AddressScope::kLoopback},
    {"::ffff:127.0.0.1", AddressScope::kLoopback},
    {"64:ff9b::7f00:1", AddressScope::kLoopback},
    {"2002:7f00:1::", AddressScope::kLoopback},
    {"10.1.2.3", AddressScope::kPrivate},
    {"172.15.255.255", AddressScope::kPublic},
    {"172.16.0.0", AddressScope::kPrivate},
    {"172.31.255.255", AddressScope::kPrivate},
    {"172.32.0.0", AddressScope::kPublic},
    {"192.168.0.1", AddressScope::kPrivate},
    {"::ffff:192.168.0.1", AddressScope::kPrivate},
    {"100.64.0.1", AddressScope::kPrivate},
    {"198.19.255.255", AddressScope::kPrivate},
    {"fd12:3456::1", AddressScope::kPrivate},
    {"64:ff9b:1::1", AddressScope::kPrivate},
    {"169.254.169.254", AddressScope::kLinkLocal},
    {"::ffff:169.254.169.254", AddressScope::kLinkLocal},
    {"100.100.100.100", AddressScope::kLinkLocal},
    {"fd00:ec2::254", AddressScope::kLinkLocal},
    {"fe80::1", AddressScope::kLinkLocal},
    {"0.0.0.0", AddressScope::kReserved},
    {"0.1.2.3", AddressScope::kReserved},
    {"::", AddressScope::kReserved},
    {"::127.0.0.1", AddressScope::kReserved},
    {"224.0.0.1", AddressScope::kReserved},
    {"255.255.255.255", AddressScope::kReserved},
    {"ff02::1", AddressScope::kReserved},
    {"2001:db8::1", AddressScope::kReserved},
};

TEST(AddressScope, IsThatOfTheAddressThatIsReached) {
  for (const ScopeCase& test : kCases) {
    EXPECT_EQ(ScopeOf(asio::ip::make_address(test.address)), test.scope) << test.address;
  }
}

TEST(AddressPolicy, AllowsOnlyPublicAddressesUnlessTold) {
  const auto loopback = asio::ip::make_address("127.0.0.1");
  const auto metadata = asio::ip::make_address("169.254.169.254");
  EXPECT_FALSE(AddressPolicy().Allows(loopback));
  EXPECT_TRUE(AddressPolicy().Allows(asio::ip::make_address("8.8.8.8")));
  const AddressPolicy with_loopback = {{AddressScope::kLoopback}};
  EXPECT_TRUE(with_loopback.Allows(loopback));
  EXPECT_FALSE(with_loopback.Allows(metadata));
}

TEST(AddressBlock, ContainsWhatSharesItsPrefix) {
  const struct {
    const char* block;
    const char* address;
    bool contained;
  } kRows[] = {{"10.20.0.0/16", "10.20.255.1", true},
               {"10.20.0.0/16", "10.21.0.1", false},
               {"10.20.0.0/16", "::ffff:10.20.3.4", true},
               {"10.20.30.40", "10.20.30.40", true},
               {"10.20.30.40", "10.20.30.41", false},
               {"fd00:1::/32", "fd00:1:ffff::1", true},
               {"fd00:1::/32", "fd00:2::1", false},
               {"0.0.0.0/0", "192.168.1.1", true},
               {"0.0.0.0/0", "fd00::1", false}};
  for (const auto& [block, address, contained] : kRows) {
    const auto parsed = AddressBlock::Parse(block);
    ASSERT_TRUE(parsed) << block;
    EXPECT_EQ(parsed->Contains(asio::ip::make_address(address)), contained) << block << address;
    AddressPolicy policy{.allowed_blocks = {*parsed}};
    EXPECT_EQ(policy.Allows(asio::ip::make_address(address)), contained) << block << address;
  }
}

TEST(AddressBlock, RefusesWhatIsNone) {
  for (const char* text :
       {"", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/x", "10.0.0.0/8 ", "::/129"}) {
    EXPECT_FALSE(AddressBlock::Parse(text)) << text;
  }
}

}  // namespace
}  // namespace tokenbroker::testing
