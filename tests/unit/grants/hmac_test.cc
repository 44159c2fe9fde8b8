#include "grants/hmac.h"

#include "absl/strings/escaping.h"
#include "gtest/gtest.h"

namespace tokenbroker::grants {
namespace {

KeyedHash Hash(char fill) { return KeyedHash(Secret(std::string(32, fill))); }

TEST(KeyedHash, IsStableAndShort) {
  EXPECT_EQ(Hash('a').Of("subject", {"alice"}), Hash('a').Of("subject", {"alice"}));
  EXPECT_EQ(Hash('a').Of("subject", {"alice"}).size(), 22u);
}

TEST(KeyedHash, DiffersByKeyKindValueAndSplit) {
  const std::string name = Hash('a').Of("subject", {"alice"});
  EXPECT_NE(name, Hash('b').Of("subject", {"alice"}));
  EXPECT_NE(name, Hash('a').Of("session", {"alice"}));
  EXPECT_NE(name, Hash('a').Of("subject", {"bob"}));
  EXPECT_NE(Hash('a').Of("session", {"ab", "c"}), Hash('a').Of("session", {"a", "bc"}));
}

// RFC 4231, test case 2.
TEST(HmacKey, IsHmacSha256) {
  const HmacKey key(Secret("Jefe"));
  const std::string digest = key.DigestOf("what do ya want for nothing?");
  EXPECT_EQ(absl::BytesToHexString(digest),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(key.DigestOf("what do ya want for nothing?"), digest);
}

TEST(ExpandKey, GivesAKeyPerLabelAndName) {
  const HmacKey key(Secret(std::string(32, 'k')));
  EXPECT_EQ(ExpandKey(key, "label", "name"), ExpandKey(key, "label", "name"));
  EXPECT_EQ(ExpandKey(key, "label", "name").size(), 32u);
  EXPECT_FALSE(ExpandKey(key, "label", "name") == ExpandKey(key, "label", "other"));
  EXPECT_FALSE(ExpandKey(key, "labeln", "ame") == ExpandKey(key, "label", "name"));
}

}  // namespace
}  // namespace tokenbroker::grants
