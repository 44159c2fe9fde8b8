#include "base/json.h"

#include <string>

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
  for (const std::string text : {"",
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
                                 "{\"a\":\"\t\"}",
                                 "/**/{}",
                                 "{\"a\":01}"}) {
    EXPECT_THAT(ParseJsonObject(text), Not(IsOk())) << text;
  }
}

TEST(ParseJsonObject, StopsAtItsLimits) {
  const std::string deep = "{\"a\":" + std::string(100000, '[') + std::string(100000, ']') + "}";
  EXPECT_THAT(ParseJsonObject(deep), Not(IsOk()));
  EXPECT_THAT(ParseJsonObject("{\"a\":1}", {.max_bytes = 6}), Not(IsOk()));
}

}  // namespace
}  // namespace tokenbroker
