#include "net/http_response_reader.h"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace tokenbroker::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::Pair;

TEST(HttpResponseReader, KeepsFieldsInOrderWithLowerCaseNames) {
  HttpResponseReader reader({});
  EXPECT_TRUE(reader.AddHeaderLine("HTTP/1.1 200 OK\r\n"));
  EXPECT_TRUE(reader.AddHeaderLine("Cache-Control:  max-age=5 \r\n"));
  EXPECT_TRUE(reader.AddHeaderLine("X-Empty:\r\n"));
  EXPECT_TRUE(reader.AddHeaderLine("\r\n"));
  EXPECT_TRUE(reader.AddBody("ab"));
  EXPECT_TRUE(reader.AddBody("cd"));
  const HttpResponse response = reader.Take(200);
  EXPECT_EQ(response.status, 200);
  EXPECT_THAT(response.headers,
              ElementsAre(Pair("cache-control", "max-age=5"), Pair("x-empty", "")));
  EXPECT_EQ(response.Header("cache-control"), "max-age=5");
  EXPECT_EQ(response.Header("date"), std::nullopt);
  EXPECT_EQ(response.body.Reveal(), "abcd");
}

TEST(HttpResponseReader, ForgetsInterimResponses) {
  HttpResponseReader reader({});
  for (const char* line : {"HTTP/1.1 103 Early Hints\r\n", "Content-Length: 7\r\n", "\r\n",
                           "HTTP/1.1 200 OK\r\n", "Content-Length: 2\r\n", "\r\n"}) {
    EXPECT_TRUE(reader.AddHeaderLine(line)) << line;
  }
  EXPECT_THAT(reader.Take(200).headers, ElementsAre(Pair("content-length", "2")));
}

struct RefusalCase {
  std::string name;
  std::vector<std::string> lines;
  std::string_view cause;
};

TEST(HttpResponseReader, RefusesWhatIsNotPlainFraming) {
  const RefusalCase cases[] = {
      {"negative length", {"Content-Length: -1\r\n"}, "malformed"},
      {"length of 2^64", {"Content-Length: 18446744073709551616\r\n"}, "malformed"},
      {"no length", {"Content-Length: \r\n"}, "malformed"},
      {"list of lengths", {"Content-Length: 5, 5\r\n"}, "malformed"},
      {"two lengths", {"Content-Length: 5\r\n", "Content-Length: 6\r\n"}, "malformed"},
      {"length beyond the limit", {"Content-Length: 101\r\n"}, "too_large"},
      {"length, then chunked",
       {"Content-Length: 5\r\n", "Transfer-Encoding: chunked\r\n"},
       "malformed"},
      {"chunked, then length",
       {"Transfer-Encoding: chunked\r\n", "Content-Length: 5\r\n"},
       "malformed"},
      {"gzip as transfer coding", {"Transfer-Encoding: gzip, chunked\r\n"}, "malformed"},
      {"gzip", {"Content-Encoding: gzip\r\n"}, "content_encoding"},
      {"br", {"content-encoding: br\r\n"}, "content_encoding"},
      {"no colon", {"Nonsense\r\n"}, "malformed"},
      {"space before colon", {"Date : x\r\n"}, "malformed"},
      {"folded line", {"A: b\r\n", " c: d\r\n"}, "malformed"},
      {"NUL in value", {std::string("A: b\0c\r\n", 8)}, "malformed"},
      {"too many", std::vector<std::string>(11, "A: b\r\n"), "too_large"},
      {"endless interim responses", std::vector<std::string>(11, "HTTP/1.1 100 Continue\r\n"),
       "too_large"},
      {"too long", {"A: " + std::string(300, 'b') + "\r\n"}, "too_large"},
  };
  for (const RefusalCase& test : cases) {
    HttpResponseReader reader(
        {.max_body_bytes = 100, .max_header_bytes = 256, .max_header_count = 10});
    bool taken = true;
    for (const std::string& line : test.lines) taken = taken && reader.AddHeaderLine(line);
    EXPECT_FALSE(taken) << test.name;
    EXPECT_EQ(reader.refusal(), test.cause) << test.name;
  }
}

TEST(HttpResponseReader, TakesABodyUpToItsLimit) {
  HttpResponseReader reader({.max_body_bytes = 4});
  EXPECT_TRUE(reader.AddBody("abc"));
  EXPECT_TRUE(reader.AddBody("d"));
  EXPECT_FALSE(reader.AddBody("e"));
  EXPECT_EQ(reader.refusal(), "too_large");
}

}  // namespace
}  // namespace tokenbroker::testing
