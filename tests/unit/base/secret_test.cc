#include "base/secret.h"

#include <concepts>
#include <cstring>
#include <ostream>
#include <string>
#include <type_traits>
#include <utility>

#include "gtest/gtest.h"

namespace tokenbroker {
namespace {

template <typename T>
concept Printable = requires(std::ostream& os, const T& value) { os << value; };

static_assert(!std::is_copy_constructible_v<Secret>);
static_assert(!std::is_copy_assignable_v<Secret>);
static_assert(!std::is_convertible_v<Secret, std::string>);
static_assert(!std::is_convertible_v<Secret, std::string_view>);
static_assert(!Printable<Secret>);

TEST(Secret, LeavesNothingWhereItMovedFrom) {
  Secret first("short");
  const Secret second = std::move(first);
  EXPECT_EQ(second.Reveal(), "short");
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the claim
}

// A short value lies in the object, a longer one on the heap, and one may take the other's place.
TEST(Secret, LeavesNothingOfAShortOneInTheObjectThatItMovedFrom) {
  for (const std::string& earlier : {std::string(), std::string("brief"), std::string(100, 'x')}) {
    Secret first("tell-tale");
    Secret second(earlier);
    second = std::move(first);
    EXPECT_EQ(second.Reveal(), "tell-tale");
    std::string object(sizeof first, '\0');
    std::memcpy(object.data(), static_cast<const void*>(&first), sizeof first);
    EXPECT_EQ(object.find("ell-tale"), std::string::npos) << earlier.size();
  }
}

TEST(Secret, MovesALongOneWithoutCopyingIt) {
  Secret first(std::string(100, 'x'));
  const char* buffer = first.Reveal().data();
  Secret second;
  second = std::move(first);
  EXPECT_EQ(second.Reveal().data(), buffer);
  EXPECT_TRUE(first.empty());  // NOLINT(bugprone-use-after-move): that is the claim
}

TEST(Secret, WipesWhatATakenStringHeldBeforeItWasCleared) {
  std::string value(100, 'x');
  value.clear();
  const char* buffer = value.data();
  const Secret secret = Secret::Take(std::move(value));
  EXPECT_TRUE(secret.empty());
  for (int i = 1; i < 100; ++i) EXPECT_NE(buffer[i], 'x');
}

TEST(Secret, TakesAStringWithoutLeavingACopy) {
  std::string value = "0123456789";
  const char* buffer = value.data();
  const Secret secret = Secret::Take(std::move(value));
  EXPECT_EQ(secret.Reveal(), "0123456789");
  EXPECT_NE(std::string_view(buffer, 10), "0123456789");
}

TEST(Secret, ComparesByValue) {
  EXPECT_TRUE(Secret("a") == Secret("a"));
  EXPECT_FALSE(Secret("a") == Secret("b"));
  EXPECT_FALSE(Secret("a") == Secret("aa"));
  EXPECT_TRUE(Secret() == Secret(""));
}

TEST(WipeString, ClearsSpareCapacityToo) {
  std::string text(64, 'x');
  const char* buffer = text.data();
  text.resize(40);
  WipeString(text);
  EXPECT_TRUE(text.empty());
  for (int i = 0; i < 64; ++i) EXPECT_NE(buffer[i], 'x');
}

}  // namespace
}  // namespace tokenbroker
