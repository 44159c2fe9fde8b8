#include "grants/seal.h"

#include <openssl/crypto.h>

#include <string>
#include <utility>

#include "gtest/gtest.h"
#include "support/status_matchers.h"

namespace tokenbroker::grants {
namespace {

using ::testing::Contains;
using testing::FailsWith;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::Pair;

const SealedName kName{"tb:grant:{7}:abc", 4};

SealingKey Key(const std::string& id, char fill) { return {id, Secret(std::string(32, fill))}; }

template <typename... Keys>
KeyRing Ring(Keys... keys) {
  std::vector<SealingKey> list;
  (list.push_back(std::move(keys)), ...);
  auto ring = KeyRing::Create(std::move(list));
  EXPECT_OK(ring);
  return *std::move(ring);
}

TEST(KeyRing, OpensWhatItSealed) {
  const KeyRing ring = Ring(Key("a", 'a'));
  for (const std::size_t size : {0u, 1u, 15u, 16u, 17u, 100'000u}) {
    const Secret plaintext(std::string(size, 'x'));
    const auto opened = ring.Open(ring.Seal(plaintext, kName), kName);
    ASSERT_OK(opened);
    EXPECT_EQ(*opened, plaintext);
  }
}

TEST(KeyRing, ShowsNothingOfThePlaintextAndNeverSealsTwiceAlike) {
  const KeyRing ring = Ring(Key("a", 'a'));
  const Secret plaintext("a refresh token");
  const std::string first = ring.Seal(plaintext, kName);
  EXPECT_THAT(first, Not(HasSubstr("refresh")));
  EXPECT_NE(first, ring.Seal(plaintext, kName));
}

TEST(KeyRing, SealsWithTheFirstAndOpensWithAll) {
  const KeyRing old_ring = Ring(Key("2025", 'a'));
  const KeyRing new_ring = Ring(Key("2026", 'b'), Key("2025", 'a'));
  const std::string by_old = old_ring.Seal(Secret("x"), kName);
  EXPECT_OK(new_ring.Open(by_old, kName));
  EXPECT_FALSE(new_ring.SealedWithFirst(by_old));

  const std::string by_new = new_ring.Seal(Secret("x"), kName);
  EXPECT_TRUE(new_ring.SealedWithFirst(by_new));
  const auto opened = old_ring.Open(by_new, kName);
  EXPECT_THAT(opened, FailsWith(Reason::kRecordUnreadable));
  EXPECT_THAT(MetadataOf(opened.status()), Contains(Pair("check", "key_unknown")));
  EXPECT_THAT(MetadataOf(opened.status()), Contains(Pair("key_id", "2026")));
}

// R9: a record that got into another grant's place, or back into its own, does not open.
TEST(KeyRing, OpensNothingUnderAnotherNameGenerationOrKey) {
  const KeyRing ring = Ring(Key("a", 'a'));
  const std::string sealed = ring.Seal(Secret("x"), kName);
  const KeyRing same_id = Ring(Key("a", 'b'));
  const struct {
    std::string what;
    absl::StatusOr<Secret> opened;
  } rows[] = {
      {"moved to another key", ring.Open(sealed, {"tb:grant:{7}:abd", 4})},
      {"rolled back", ring.Open(sealed, {kName.name, 5})},
      {"another key of the same id", same_id.Open(sealed, kName)},
  };
  for (const auto& row : rows) {
    SCOPED_TRACE(row.what);
    EXPECT_THAT(row.opened, FailsWith(Reason::kRecordUnreadable));
    EXPECT_THAT(MetadataOf(row.opened.status()), Contains(Pair("check", "authentication")));
  }
}

TEST(KeyRing, NoticesEveryChangedByteAndEveryCut) {
  const KeyRing ring = Ring(Key("key", 'a'));
  const std::string sealed = ring.Seal(Secret("some plaintext"), kName);
  for (std::size_t i = 0; i < sealed.size(); ++i) {
    std::string changed = sealed;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    EXPECT_THAT(ring.Open(changed, kName), FailsWith(Reason::kRecordUnreadable)) << i;
    EXPECT_THAT(ring.Open(sealed.substr(0, i), kName), FailsWith(Reason::kRecordUnreadable)) << i;
  }
  EXPECT_THAT(ring.Open(sealed + "x", kName), FailsWith(Reason::kRecordUnreadable));
}

// Made with Python's `cryptography` (HMAC, then AESGCM) from the layout as seal.h describes it.
TEST(KeyRing, ReadsTheDocumentedLayout) {
  const KeyRing ring = Ring(Key("a", 'a'));
  constexpr char kHex[] =
      "010161000102030405060708090a0bd10116732fe2e1301a4b5c0f2416170221456526c3b6139395";
  std::string sealed(sizeof kHex / 2, '\0');
  std::size_t size = 0;
  ASSERT_EQ(OPENSSL_hexstr2buf_ex(reinterpret_cast<unsigned char*>(sealed.data()), sealed.size(),
                                  &size, kHex, '\0'),
            1);
  const auto opened = ring.Open(sealed, kName);
  ASSERT_OK(opened);
  EXPECT_EQ(opened->Reveal(), "plaintext");
}

TEST(KeyRing, RefusesRingsThatCannotBeMeant) {
  const auto create = [](auto... keys) {
    std::vector<SealingKey> list;
    (list.push_back(std::move(keys)), ...);
    return KeyRing::Create(std::move(list)).status();
  };
  const auto field = [](const absl::Status& status) {
    const auto found = FieldOf(status);
    return found ? found->first : std::string();
  };
  EXPECT_EQ(field(create()), "keys");
  EXPECT_EQ(field(create(Key("", 'a'))), "keys[0].id");
  EXPECT_EQ(field(create(Key(std::string(65, 'k'), 'a'))), "keys[0].id");
  EXPECT_EQ(field(create(Key("a", 'a'), Key("a", 'b'))), "keys[1].id");
  EXPECT_EQ(field(create(SealingKey{"a", Secret(std::string(31, 'a'))})), "keys[0].key");
}

}  // namespace
}  // namespace tokenbroker::grants
