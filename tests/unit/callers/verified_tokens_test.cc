#include "callers/verified_tokens.h"

#include <string>
#include <thread>

#include "gmock/gmock.h"

namespace tokenbroker::callers {
namespace {

const absl::Time kNow = absl::FromUnixSeconds(1767225600);

TEST(VerifiedTokens, AreFoundUntilTheirTime) {
  const Caller caller{.name = "shop"};
  VerifiedTokens tokens(10);
  const auto missing = tokens.Find("token", kNow);
  EXPECT_EQ(missing.caller, nullptr);
  tokens.Remember(missing.place, caller, kNow + absl::Minutes(1));
  EXPECT_EQ(tokens.Find("token", kNow).caller, &caller);
  EXPECT_EQ(tokens.Find("token", kNow + absl::Minutes(1)).caller, nullptr);
  EXPECT_EQ(tokens.Find("token2", kNow).caller, nullptr);
}

TEST(VerifiedTokens, AreRememberedForTheThreadThatLooked) {
  const Caller caller{.name = "shop"};
  VerifiedTokens tokens(10);
  const auto missing = tokens.Find("token", kNow);
  std::thread([&] { tokens.Remember(missing.place, caller, kNow + absl::Minutes(1)); }).join();
  EXPECT_EQ(tokens.Find("token", kNow).caller, &caller);
}

TEST(VerifiedTokens, DropTheOneThatEndsFirstWhenTheyAreTooMany) {
  const Caller caller{.name = "shop"};
  VerifiedTokens tokens(3);
  for (int i = 0; i < 4; ++i) {
    const auto missing = tokens.Find(std::to_string(i), kNow);
    tokens.Remember(missing.place, caller, kNow + absl::Minutes(i + 1));
  }
  EXPECT_EQ(tokens.Find("0", kNow).caller, nullptr);
  for (int i = 1; i < 4; ++i) EXPECT_EQ(tokens.Find(std::to_string(i), kNow).caller, &caller);
}

}  // namespace
}  // namespace tokenbroker::callers
