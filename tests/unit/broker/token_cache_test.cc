#include "broker/token_cache.h"

#include <thread>

#include "gmock/gmock.h"
#include "support/manual_clock.h"

namespace tokenbroker::broker {
namespace {

class TokenCaching : public ::testing::Test {
 protected:
  static TokenSnapshot Token(std::string value) {
    auto token = std::make_shared<CachedToken>();
    token->value = Secret(value);
    return token;
  }
  void Put(const std::string& grant, std::string value) {
    cache_.Insert(CacheKey(grant, "", {}), Token(std::move(value)), cache_.BeginLoad(grant));
  }
  std::string At(const std::string& grant) const {
    const TokenSnapshot token = cache_.Find(CacheKey(grant, "", {}));
    return token ? std::string(token->value.Reveal()) : "none";
  }

  testing::ManualClock clock_;
  TokenCache cache_{clock_, {.max_bytes = 64 * 4096}};
};

TEST_F(TokenCaching, FindsBySelectionWhateverItsOrder) {
  EXPECT_EQ(CacheKey("g", "a", {"x", "y"}), CacheKey("g", "a", {"y", "x", "y"}));
  EXPECT_NE(CacheKey("g", "a", {}), CacheKey("g", "", {"a"}));
  EXPECT_NE(CacheKey("g", "", {"x"}), CacheKey("g", "", {"y"}));
}

TEST_F(TokenCaching, ForgetsAGrantThatChangedInEveryThread) {
  Put("g", "old");
  EXPECT_EQ(At("g"), "old");
  std::thread([&] { EXPECT_EQ(At("g"), "old"); }).join();
  cache_.OnGrantChanged("g");
  EXPECT_EQ(At("g"), "none");
  std::thread([&] { EXPECT_EQ(At("g"), "none"); }).join();
}

TEST_F(TokenCaching, KeepsNothingThatWasReadBeforeAChange) {
  const auto ticket = cache_.BeginLoad("g");
  cache_.OnGrantChanged("g");
  cache_.Insert(CacheKey("g", "", {}), Token("old"), ticket);
  EXPECT_EQ(At("g"), "none");
}

TEST_F(TokenCaching, ReplacesInEveryThread) {
  Put("g", "old");
  EXPECT_EQ(At("g"), "old");
  Put("g", "new");
  EXPECT_EQ(At("g"), "new");
}

TEST_F(TokenCaching, IsTrustedForAWhileWithoutNews) {
  Put("g", "token");
  cache_.OnChangesLost();
  EXPECT_EQ(At("g"), "token");
  clock_.Advance(absl::Seconds(5));
  EXPECT_EQ(At("g"), "none");
  EXPECT_NE(cache_.FindUntrusted(CacheKey("g", "", {})), nullptr);
  cache_.OnChangesSeenAgain();
  EXPECT_EQ(cache_.FindUntrusted(CacheKey("g", "", {})), nullptr);
  Put("g", "fresh");
  EXPECT_EQ(At("g"), "fresh");
}

TEST_F(TokenCaching, StaysWithinItsBytes) {
  std::size_t kept = 0;
  for (int i = 0; i < 20000; ++i) Put(std::to_string(i), std::string(200, 't'));
  for (int i = 0; i < 20000; ++i) kept += At(std::to_string(i)) != "none" ? 1 : 0;
  EXPECT_GT(kept, 64u);
  EXPECT_LT(kept, 64u * 4096 / 200);
  EXPECT_NE(At("19999"), "none");
}

TEST_F(TokenCaching, TakesTheSameTokenAgainAndAgain) {
  for (int i = 0; i < 1000; ++i) Put("g", std::to_string(i));
  EXPECT_EQ(At("g"), "999");
}

}  // namespace
}  // namespace tokenbroker::broker
