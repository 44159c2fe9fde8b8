#include "net/redis_slot_map.h"

#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/redis_slot.h"

namespace tokenbroker::testing {
namespace {

using ::testing::ElementsAre;

RedisReply Integer(std::int64_t value) { return RedisReply{value}; }
RedisReply Text(std::string text) { return RedisReply{std::move(text)}; }
RedisReply List(std::vector<RedisReply> elements) { return RedisReply{std::move(elements)}; }
RedisReply Node(RedisReply host, std::int64_t port) {
  return List({std::move(host), Integer(port), Text("id"), List({})});
}

TEST(RedisSlotTest, IsWhatTheSpecificationSays) {
  const std::pair<std::string, int> cases[] = {
      {"123456789", 0x31c3},  // the specification's own example
      {"", 0},
      {"{}", RedisSlotOf("{}")},
      {"{user1000}.following", RedisSlotOf("user1000")},
      {"foo{bar}{zap}", RedisSlotOf("bar")},
      {"foo{{bar}}zap", RedisSlotOf("{bar")},
      {"tb:grant:{17}:id", RedisSlotOf("17")},
  };
  for (const auto& [key, slot] : cases) EXPECT_EQ(RedisSlotOf(key), slot) << key;
  // An empty tag, and one that does not end, are no tags: the whole key counts.
  EXPECT_EQ(RedisHashTagOf("foo{}{bar}"), "foo{}{bar}");
  EXPECT_EQ(RedisHashTagOf("foo{bar"), "foo{bar");
  EXPECT_NE(RedisSlotOf("foo{}{bar}"), RedisSlotOf("bar"));
}

TEST(RedisSlotMapTest, ReadsWhoHasWhat) {
  const auto map = ReadSlotMap(
      List({List({Integer(0), Integer(99), Node(Text("10.0.0.1"), 6379), Node(Text("r"), 1)}),
            List({Integer(200), Integer(16383), Node(Text("10.0.0.2"), 6380)}),
            List({Integer(100), Integer(199), Node(Text("10.0.0.1"), 6379)})}),
      "asked");
  ASSERT_TRUE(map.has_value());
  EXPECT_THAT(map->primaries,
              ElementsAre(RedisNode{"10.0.0.1", 6379}, RedisNode{"10.0.0.2", 6380}));
  EXPECT_EQ(map->ReplicasOf({"10.0.0.1", 6379}), 1);
  EXPECT_EQ(map->ReplicasOf({"10.0.0.2", 6380}), 0);
  EXPECT_EQ(map->ReplicasOf({"10.0.0.2", 6379}), std::nullopt);
  EXPECT_EQ(*map->OwnerOf(0), (RedisNode{"10.0.0.1", 6379}));
  EXPECT_EQ(*map->OwnerOf(199), (RedisNode{"10.0.0.1", 6379}));
  EXPECT_EQ(*map->OwnerOf(16383), (RedisNode{"10.0.0.2", 6380}));
  EXPECT_TRUE(map->IsComplete());
}

TEST(RedisSlotMapTest, KnowsItsHoles) {
  const auto map = ReadSlotMap(List({List({Integer(0), Integer(9), Node(Text("a"), 1)})}), "asked");
  ASSERT_TRUE(map.has_value());
  EXPECT_FALSE(map->IsComplete());
  EXPECT_EQ(map->OwnerOf(10), nullptr);
  EXPECT_EQ(RedisSlotMap{}.OwnerOf(0), nullptr);
}

TEST(RedisSlotMapTest, TakesTheAskedHostForAServerThatDoesNotKnowItsOwn) {
  for (const RedisReply& host : {RedisReply{}, Text(""), Text("?")}) {
    const auto map = ReadSlotMap(List({List({Integer(0), Integer(9), Node(host, 7)})}), "asked");
    ASSERT_TRUE(map.has_value());
    EXPECT_THAT(map->primaries, ElementsAre(RedisNode{"asked", 7}));
  }
}

TEST(RedisSlotMapTest, RefusesWhatIsNoSuchReply) {
  const RedisReply cases[] = {
      Text("no"),
      List({Integer(1)}),
      List({List({Integer(0), Integer(9)})}),
      List({List({Integer(-1), Integer(9), Node(Text("a"), 1)})}),
      List({List({Integer(9), Integer(0), Node(Text("a"), 1)})}),
      List({List({Integer(0), Integer(16384), Node(Text("a"), 1)})}),
      List({List({Integer(0), Integer(9), Node(Text("a"), 0)})}),
      List({List({Integer(0), Integer(9), Node(Text("a"), 65536)})}),
      List({List({Integer(0), Integer(9), List({Text("a")})})}),
  };
  for (const RedisReply& reply : cases) EXPECT_FALSE(ReadSlotMap(reply, "asked").has_value());
}

TEST(RedisSlotMapTest, ReadsRedirections) {
  const auto read = [](const char* text) { return ReadRedirection(MakeRedisError(text), "asked"); };
  EXPECT_EQ(read("MOVED 3999 10.0.0.1:6381"), (RedisNode{"10.0.0.1", 6381}));
  EXPECT_EQ(read("ASK 3999 fd00::1:6381"), (RedisNode{"fd00::1", 6381}));
  EXPECT_EQ(read("MOVED 3999 :6381"), (RedisNode{"asked", 6381}));
  EXPECT_EQ(read("MOVED 3999 ?:6381"), (RedisNode{"asked", 6381}));
  for (const char* text : {"MOVED", "MOVED 1", "MOVED 1 host", "MOVED 1 host:", "MOVED 1 host:0",
                           "MOVED 1 host:65536"}) {
    EXPECT_EQ(read(text), std::nullopt) << text;
  }
}

}  // namespace
}  // namespace tokenbroker::testing
