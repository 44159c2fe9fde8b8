#include "net/resp.h"

#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "net/delivery.h"
#include "support/status_matchers.h"

namespace tokenbroker::testing {
namespace {

using Array = std::vector<RedisReply>;

RedisReply Reply(auto value) { return RedisReply{std::move(value)}; }

struct ReplyCase {
  std::string name;
  std::string bytes;
  RedisReply expected;
};

std::vector<ReplyCase> ReplyCases() {
  return {
      {"status", "+OK\r\n", Reply(RedisStatus{"OK"})},
      {"error", "-NOSCRIPT No matching script.\r\n",
       Reply(RedisError{RedisErrorKind::kNoScript, "NOSCRIPT No matching script."})},
      {"error of another kind", "-ERR unknown command\r\n",
       Reply(RedisError{RedisErrorKind::kOther, "ERR unknown command"})},
      {"integer", ":-42\r\n", Reply(std::int64_t{-42})},
      {"string", std::string("$5\r\na\r\n\0b\r\n", 11), Reply(std::string("a\r\n\0b", 5))},
      {"empty string", "$0\r\n\r\n", Reply(std::string())},
      {"nil", "$-1\r\n", Reply(RedisNil{})},
      {"nil array", "*-1\r\n", Reply(RedisNil{})},
      {"empty array", "*0\r\n", Reply(Array{})},
      {"nested array", "*3\r\n:1\r\n*2\r\n$1\r\na\r\n$-1\r\n-LOADING x\r\n",
       Reply(Array{Reply(std::int64_t{1}), Reply(Array{Reply(std::string("a")), Reply(RedisNil{})}),
                   Reply(RedisError{RedisErrorKind::kLoading, "LOADING x"})})},
  };
}

TEST(RespReader, ReadsEveryTypeOfReply) {
  for (const ReplyCase& test : ReplyCases()) {
    RespReader reader(1 << 20);
    reader.Feed(test.bytes);
    ASSERT_OK_AND_ASSIGN(const auto reply, reader.Next());
    ASSERT_TRUE(reply.has_value()) << test.name;
    EXPECT_EQ(*reply, test.expected) << test.name;
    EXPECT_THAT(reader.Next(), IsOkAndHolds(std::nullopt)) << test.name;
  }
}

TEST(RespReader, WaitsForTheLastByte) {
  for (const ReplyCase& test : ReplyCases()) {
    RespReader reader(1 << 20);
    for (std::size_t i = 0; i + 1 < test.bytes.size(); ++i) {
      reader.Feed(test.bytes.substr(i, 1));
      ASSERT_THAT(reader.Next(), IsOkAndHolds(std::nullopt)) << test.name << " at " << i;
    }
    reader.Feed(test.bytes.substr(test.bytes.size() - 1));
    EXPECT_THAT(reader.Next(), IsOkAndHolds(test.expected)) << test.name;
  }
}

TEST(RespReader, CutsPipelinedReplies) {
  RespReader reader(1 << 20);
  reader.Feed("+OK\r\n:1\r\n$1");
  EXPECT_THAT(reader.Next(), IsOkAndHolds(Reply(RedisStatus{"OK"})));
  EXPECT_THAT(reader.Next(), IsOkAndHolds(Reply(std::int64_t{1})));
  EXPECT_THAT(reader.Next(), IsOkAndHolds(std::nullopt));
}

struct BadCase {
  std::string name;
  std::string bytes;
  std::string cause;
};

TEST(RespReader, RefusesWhatIsNoReplyOrTooLarge) {
  const BadCase cases[] = {
      {"HTTP", "HTTP/1.1 400 Bad Request\r\n", "malformed"},
      {"unknown type", "?3\r\n", "malformed"},
      {"length that is no number", "$x\r\n", "malformed"},
      {"length of -2", "$-2\r\nab\r\n", "malformed"},
      {"count of -2", "*-2\r\n", "malformed"},
      {"RESP3 map", "%1\r\n+a\r\n+b\r\n", "malformed"},
      {"string beyond the limit", "$1000\r\n" + std::string(1000, 'x') + "\r\n", "too_large"},
      {"endless string", "$1000000000\r\n" + std::string(2000, 'x'), "too_large"},
      {"endless line", "+" + std::string(2000, 'x'), "too_large"},
      {"many elements", "*1000000\r\n", "too_large"},
      {"many elements inside", "*1\r\n*2147483647\r\n", "too_large"},
      {"sum of elements",
       "*4\r\n$300\r\n" + std::string(300, 'x') + "\r\n$300\r\n" + std::string(300, 'x') + "\r\n",
       "too_large"},
  };
  for (const BadCase& test : cases) {
    RespReader reader(512);
    reader.Feed(test.bytes);
    const auto reply = reader.Next();
    EXPECT_THAT(reply, FailsWith(Reason::kStoreUnavailable)) << test.name;
    EXPECT_EQ(MetadataOf(reply.status())["cause"], test.cause) << test.name;
    EXPECT_THAT(reader.Next(), FailsWith(Reason::kStoreUnavailable)) << test.name;
  }
}

TEST(RespReader, GivesEachReplyTheWholeLimit) {
  RespReader reader(512);
  for (int i = 0; i < 10; ++i) {
    reader.Feed("$400\r\n" + std::string(400, 'x') + "\r\n");
    EXPECT_THAT(reader.Next(), IsOkAndHolds(Reply(std::string(400, 'x'))));
  }
}

TEST(EncodeRedisCommand, WritesAnyBytes) {
  WipingBuffer out;
  ASSERT_OK(EncodeRedisCommand({"SET", "", std::string("\r\n\0$", 4)}, out));
  ASSERT_OK(EncodeRedisCommand({"PING"}, out));
  EXPECT_EQ(out.view(), std::string_view("*3\r\n$3\r\nSET\r\n$0\r\n\r\n$4\r\n\r\n\0$\r\n"
                                         "*1\r\n$4\r\nPING\r\n",
                                         43));
}

TEST(EncodeRedisCommand, RefusesNothingAndTooMuch) {
  WipingBuffer out;
  EXPECT_THAT(EncodeRedisCommand({}, out), FailsWith(Reason::kInvalidRequest));
  EXPECT_THAT(EncodeRedisCommand({"SET", "k", std::string(65 << 20, 'x')}, out),
              FailsWith(Reason::kLimitReached));
  EXPECT_TRUE(out.empty());
}

TEST(RedisError, TellsWhatTheStoreWillGetOverFromWhatWeDidWrong) {
  for (const char* text :
       {"LOADING Redis is loading", "READONLY You can't write", "OOM command not",
        "MASTERDOWN Link", "NOAUTH Authentication required.", "NOPERM this user",
        "CLUSTERDOWN Hash slot", "MOVED 1 127.0.0.1:1", "BUSY Redis is busy",
        "MISCONF Redis is configured", "NOREPLICAS Not enough"}) {
    const absl::Status status = StatusOfRedisError(MakeRedisError(text));
    EXPECT_THAT(status, FailsWith(Reason::kStoreUnavailable)) << text;
    EXPECT_EQ(DeliveryOf(status), Delivery::kNotSent) << text;
  }
  for (const char* text :
       {"ERR secret argument", "WRONGTYPE Operation", "NOSCRIPT No", "EXECABORT x", ""}) {
    const absl::Status status = StatusOfRedisError(MakeRedisError(text));
    EXPECT_THAT(status, FailsWith(Reason::kInternal)) << text;
    EXPECT_EQ(status.ToString().find("argument"), std::string::npos);
  }
}

}  // namespace
}  // namespace tokenbroker::testing
