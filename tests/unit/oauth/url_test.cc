#include "oauth/url.h"

#include <string>

#include "gmock/gmock.h"

namespace tokenbroker::oauth {
namespace {

TEST(SplitUri, FindsEveryPart) {
  const auto uri = SplitUri("HTTPS://user:pw@Host.example:8443/a/b?c=d&e#f");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->scheme, "HTTPS");
  EXPECT_TRUE(HasScheme(*uri, "https"));
  EXPECT_TRUE(uri->has_authority);
  EXPECT_TRUE(uri->has_userinfo);
  EXPECT_EQ(uri->host, "Host.example");
  EXPECT_EQ(uri->port, "8443");
  EXPECT_EQ(uri->path, "/a/b");
  EXPECT_EQ(uri->query, "c=d&e");
  EXPECT_EQ(uri->fragment, "f");
}

TEST(SplitUri, TellsEmptyFromAbsent) {
  const auto uri = SplitUri("https://h?#");
  ASSERT_TRUE(uri);
  EXPECT_EQ(uri->query, "");
  EXPECT_EQ(uri->fragment, "");
  const auto bare = SplitUri("https://h");
  ASSERT_TRUE(bare);
  EXPECT_FALSE(bare->query);
  EXPECT_FALSE(bare->fragment);
  EXPECT_EQ(bare->path, "");
}

TEST(SplitUri, TakesEveryKindOfAbsoluteUri) {
  for (const char* text :
       {"https://h", "http://[::1]:8080/cb", "com.example.app:/cb", "urn:example:api",
        "https://h/%C3%A4?x=%2f", "https://h/a?b=https://c/d?e", "https://127.0.0.1/"}) {
    EXPECT_TRUE(SplitUri(text)) << text;
  }
}

TEST(SplitUri, RefusesWhatNoUriIs) {
  for (const std::string& text : {std::string(""),
                                  std::string("h"),
                                  std::string("/cb"),
                                  std::string("//evil"),
                                  std::string("/\\evil"),
                                  std::string(":x"),
                                  std::string("1s://h"),
                                  std::string("https://evil\\.good"),
                                  std::string("https://h/a b"),
                                  std::string("https://h/\n"),
                                  std::string("https://h\0.evil/", 16),
                                  std::string("https://h/%"),
                                  std::string("https://h/%2"),
                                  std::string("https://h/%zz"),
                                  std::string("https://h/\xC3\xA4"),
                                  std::string("https://h:"),
                                  std::string("https://h:0"),
                                  std::string("https://h:65536"),
                                  std::string("https://h:8a"),
                                  std::string("https://[::1"),
                                  std::string("https://[x]"),
                                  std::string("https://[]"),
                                  std::string("https://h%2eevil/"),
                                  std::string("https://h/#a#b"),
                                  std::string("https://h/[x]"),
                                  std::string("https://h/\""),
                                  std::string("https://h/<"),
                                  std::string("https://a[::1]/")}) {
    EXPECT_FALSE(SplitUri(text)) << text;
  }
}

TEST(IsLoopback, KnowsTheThreeNamesAlone) {
  for (const char* text :
       {"http://localhost/", "http://LOCALHOST:1/", "http://127.0.0.1:80", "http://[::1]/"}) {
    EXPECT_TRUE(IsLoopback(*SplitUri(text))) << text;
  }
  for (const char* text : {"http://localhost.evil/", "http://127.0.0.1.evil/", "http://127.1/",
                           "http://0.0.0.0/", "http://[::]/", "http://localhost./",
                           "http://localhost@evil/", "http://2130706433/", "com.example:/"}) {
    EXPECT_FALSE(IsLoopback(*SplitUri(text))) << text;
  }
}

TEST(PercentEncode, LeavesUnreservedCharactersAlone) {
  EXPECT_EQ(PercentEncode("AZaz09-._~"), "AZaz09-._~");
  EXPECT_EQ(PercentEncode(" +/=%&?#\"\xC3\xA4"), "%20%2B%2F%3D%25%26%3F%23%22%C3%A4");
}

}  // namespace
}  // namespace tokenbroker::oauth
