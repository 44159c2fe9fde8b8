#include "broker/token_cache.h"

#include <memory>
#include <string>
#include <thread>
#include <vector>

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

TEST_F(TokenCaching, IsNotTrustedLongerBecauseTheClockWasSetBack) {
  Put("g", "token");
  cache_.OnChangesLost();
  clock_.Advance(-absl::Hours(1));
  EXPECT_EQ(At("g"), "none");
}

// A thread that has stopped looking must not keep alive what the cache has let go.
TEST_F(TokenCaching, StaysWithinItsBytesWithWhatThreadsHold) {
  std::vector<std::weak_ptr<const CachedToken>> tokens;
  std::size_t alive = 0;
  for (int i = 0; i < 2000; ++i) {
    const TokenSnapshot token = Token(std::string(1000, 't'));
    tokens.push_back(token);
    const std::string grant = std::to_string(i);
    cache_.Insert(CacheKey(grant, "", {}), token, cache_.BeginLoad(grant));
    At(grant);
  }
  for (const auto& token : tokens) alive += token.expired() ? 0 : 1;
  EXPECT_GT(alive, 30u);
  EXPECT_LE(alive * 1000, 64u * 4096);
}

TEST_F(TokenCaching, LetsGoFirstOfWhatNobodyLooksUp) {
  for (int i = 0; i < 3; ++i) Put("hot" + std::to_string(i), std::string(200, 'h'));
  for (int i = 0; i < 5000; ++i) {
    Put(std::to_string(i), std::string(200, 't'));
    for (int hot = 0; hot < 3; ++hot) {
      ASSERT_NE(At("hot" + std::to_string(hot)), "none") << i;
    }
  }
}

// Old names of a token must not take the new one with them.
TEST_F(TokenCaching, CountsATokenThatWasInsertedAgainAsNew) {
  // Selections of one grant share a shard, in which there is room for three such tokens.
  TokenCache cache(clock_, {.max_bytes = std::size_t{64} * 40000 / 3 * 4});
  const auto put = [&](const std::string& audience) {
    cache.Insert(CacheKey("g", audience, {}), Token(std::string(11000, 't')), cache.BeginLoad("g"));
  };
  for (const char* audience : {"1", "2", "3", "1", "4"}) put(audience);
  EXPECT_NE(cache.Find(CacheKey("g", "1", {})), nullptr);
  EXPECT_EQ(cache.Find(CacheKey("g", "2", {})), nullptr);
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
