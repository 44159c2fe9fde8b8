#include "broker/grant_changes.h"

#include <optional>

#include "broker/token_cache.h"
#include "gmock/gmock.h"
#include "support/manual_clock.h"

namespace tokenbroker::broker {
namespace {

class GrantNews : public ::testing::Test {
 protected:
  GrantChanges::Listening Count(const std::string& grant_id, int& news) {
    return changes_.Listen(grant_id, [&news] { ++news; });
  }
  void Cache(const std::string& grant_id) {
    cache_.Insert(CacheKey(grant_id, "", {}), std::make_shared<CachedToken>(),
                  cache_.BeginLoad(grant_id));
  }
  bool IsCached(const std::string& grant_id) {
    return cache_.Find(CacheKey(grant_id, "", {})) != nullptr;
  }

  testing::ManualClock clock_;
  TokenCache cache_{clock_, {}};
  GrantChanges changes_{cache_};
};

TEST_F(GrantNews, ReachesThoseWhoListenToTheGrant) {
  int first = 0;
  int second = 0;
  int other = 0;
  const auto a = Count("g", first);
  const auto b = Count("g", second);
  const auto c = Count("h", other);
  changes_.OnGrantChanged("g");
  changes_.OnGrantChanged("unheard");
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(other, 0);
}

TEST_F(GrantNews, ComesAfterTheCacheForgot) {
  Cache("g");
  bool cached = true;
  const auto listening = changes_.Listen("g", [&] { cached = IsCached("g"); });
  changes_.OnGrantChanged("g");
  EXPECT_FALSE(cached);
}

TEST_F(GrantNews, ComesToAllWhenSomeWasMissed) {
  int first = 0;
  int second = 0;
  const auto a = Count("g", first);
  const auto b = Count("h", second);
  const std::uint64_t before = changes_.interruptions();
  changes_.OnChangesLost();
  EXPECT_EQ(first + second, 0);
  EXPECT_EQ(changes_.interruptions(), before);
  changes_.OnChangesSeenAgain();
  EXPECT_EQ(first, 1);
  EXPECT_EQ(second, 1);
  EXPECT_EQ(changes_.interruptions(), before + 1);
}

TEST_F(GrantNews, EndsWithTheListening) {
  int news = 0;
  std::optional<GrantChanges::Listening> listening(Count("g", news));
  GrantChanges::Listening moved = *std::move(listening);
  listening.reset();
  changes_.OnGrantChanged("g");
  EXPECT_EQ(news, 1);
  moved = GrantChanges::Listening();
  changes_.OnGrantChanged("g");
  EXPECT_EQ(news, 1);
}

TEST_F(GrantNews, OfAPlaceThatIsNoGrantLeavesTheCacheAlone) {
  Cache("client:shop");
  int news = 0;
  const auto listening = Count("client:shop", news);
  changes_.TellListeners("client:shop");
  EXPECT_EQ(news, 1);
  EXPECT_TRUE(IsCached("client:shop"));
}

TEST(Listening, MayOutliveWhatItListensTo) {
  testing::ManualClock clock;
  TokenCache cache(clock, {});
  GrantChanges::Listening listening;
  {
    GrantChanges changes(cache);
    listening = changes.Listen("g", [] {});
  }
}

}  // namespace
}  // namespace tokenbroker::broker
