#include "base/secret.h"

#include <concepts>
#include <ostream>
#include <string>
#include <type_traits>

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
