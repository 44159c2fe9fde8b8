#include "base/json.h"

#include <cstdint>
#include <limits>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "support/status_matchers.h"

namespace tokenbroker {
namespace {

using testing::IsOk;
using ::testing::Not;

TEST(ParseJsonObject, AcceptsWhatEveryParserReadsAlike) {
  for (const char* text : {"{}", " {\"a\":1} \n", R"({"a":{"b":[1,"x",null,true]},"c":1.5e3})",
                           R"({"a":{"x":1},"b":{"x":1}})", "{\"\\u00e4\":\"\\ud83d\\ude00\"}"}) {
    EXPECT_THAT(ParseJsonObject(text), IsOk()) << text;
  }
}

TEST(ParseJsonObject, RefusesWhatParsersReadDifferently) {
  for (const std::string& text :
       std::vector<std::string>{"",
                                "[]",
                                "\"x\"",
                                "1",
                                "null",
                                "{} {}",
                                "{}x",
                                "{\"a\":1,\"a\":2}",
                                R"({"a":{"b":1,"b":1}})",
                                R"({"sub":"a","\u0073ub":"b"})",
                                "\xEF\xBB\xBF{}",
                                "{\"a\":NaN}",
                                "{\"a\":1e999}",
                                "{'a':1}",
                                "{\"a\":1,}",
                                "{\"a\":\"\xff\"}",
                                R"({"a":"\ud800"})",
                                R"({"a":"\udc00"})",
                                R"({"a":"\ud800\ud800"})",
                                R"({"a":"\udc00\ud800"})",
                                R"({"\ud800":1})",
                                "{\"a\":\"\xed\xa0\x80\"}",  // the same in UTF-8
                                "{\"a\":\"\xc0\xaf\"}",      // longer than needed
                                std::string("{\"a\":\"\0\"}", 9),
                                std::string("{}\0", 3),
                                std::string("{\"a\":1}\0{\"a\":2}", 15),
                                std::string("{\"a\":\0 1}", 9),
                                "{\"a\":\"\t\"}",
                                "/**/{}",
                                "{\"a\":01}"}) {
    EXPECT_THAT(ParseJsonObject(text), Not(IsOk())) << text;
  }
}

// Names and texts are compared in full length, not up to a NUL.
TEST(ParseJsonObject, KeepsWhatComesAfterANul) {
  ASSERT_OK_AND_ASSIGN(const Json json, ParseJsonObject(R"({"a":1,"a\u0000":"b\u0000c"})"));
  EXPECT_EQ(json.size(), 2U);
  EXPECT_EQ(json["a"], 1);
  EXPECT_EQ(json[std::string("a\0", 2)], std::string("b\0c", 3));
}

// Numbers too large for 64 bits are kept as what they nearly are, never as something else.
TEST(ParseJsonObject, ReadsHugeNumbersAsTheyAre) {
  ASSERT_OK_AND_ASSIGN(
      const Json json,
      ParseJsonObject(
          R"({"a":18446744073709551615,"b":18446744073709551616,"c":-9223372036854775809,
                          "d":1e308,"e":-0})"));
  EXPECT_EQ(json["a"].get<std::uint64_t>(), std::numeric_limits<std::uint64_t>::max());
  EXPECT_TRUE(json["b"].is_number_float());
  EXPECT_EQ(json["b"].get<double>(), 18446744073709551616.0);
  EXPECT_EQ(json["c"].get<double>(), -9223372036854775808.0);
  EXPECT_EQ(json["d"].get<double>(), 1e308);
  for (const std::string& digits : {std::string(309, '9'), "1" + std::string(100000, '0')}) {
    EXPECT_THAT(ParseJsonObject("{\"a\":" + digits + "}"), Not(IsOk()));
  }
}

TEST(ParseJsonObject, StopsAtItsLimits) {
  const std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_THAT(ParseJsonObject(deep), Not(IsOk()));
  EXPECT_THAT(ParseJsonObject("{\"a\":1}", {.max_bytes = 6}), Not(IsOk()));
  for (const char* nested : {R"({"a":{"b":{}}})", R"({"a":[[]]})"}) {
    EXPECT_THAT(ParseJsonObject(nested, {.max_depth = 3}), IsOk());
    EXPECT_THAT(ParseJsonObject(nested, {.max_depth = 2}), Not(IsOk()));
  }
}

}  // namespace
}  // namespace tokenbroker
